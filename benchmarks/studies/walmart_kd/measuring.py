"""Serves every model in front of an engine, and asks for the queries that it has not seen."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from qrmiddleware.evaluation.comparison import Evaluation, evaluate
from qrmiddleware.evaluation.rankings import ArmRun
from qrmiddleware.evaluation.report.saved import read_json
from qrmiddleware_benchmarks.fronts import qrm
from qrmiddleware_benchmarks.processes import listening

PORT: Final = 9380
FIELDS: Final = ("title", "description")
WINDOW: Final = 100
PATIENCE_MS: Final = 120_000
"""Every model may take its time here; what it takes is measured, and stands beside."""
ENGINE: Final = 0.3
"""Weight of the engine's own score where it is blended in."""
BASELINE: Final = "direct"


@dataclass(frozen=True, slots=True)
class Arm:
    """A pipeline to measure.

    Attributes:
        name: In tables.
        rewards: Options of ``plugin: walmart_kd``, each with its weight.
        engine_weight: Of the engine's own score.
        seen_folds: Folds that its models were trained on.
    """

    name: str
    rewards: Sequence[Mapping[str, Any]] = ()
    engine_weight: float = 0.0
    seen_folds: tuple[int, ...] = ()

    def pipeline(self) -> dict[str, Any]:
        """Return the pipeline's configuration."""
        rewards = [
            {"plugin": "walmart_kd", "tag": f"{number}", "timeout_ms": PATIENCE_MS, **reward}
            for number, reward in enumerate(self.rewards)
        ]
        return {
            "index": [],
            "timeout_ms": PATIENCE_MS,
            "fields": list(FIELDS),
            "rank_window_size": WINDOW,
            "engine_weight": self.engine_weight,
            "rewards": rewards,
        }


def measure(
    arms: Sequence[Arm], *, data: Path, engine: str, index: str, fold: int, folder: Path
) -> Evaluation:
    """Ask all arms for one fold's queries, through a proxy in front of the engine.

    Args:
        arms: The first is the engine alone.
        data: Judgments.
        engine: Its URL.
        index: In it.
        fold: Whose queries.
        folder: For the configuration and what is measured.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings: dict[str, Any] = {
        "listen": {"port": PORT},
        "admin": {"port": None},
        "upstream": {"urls": [engine], "timeout_ms": PATIENCE_MS},
        "pipelines": {_plain(arm.name): arm.pipeline() for arm in arms if arm.rewards},
    }
    config = folder / "qrmiddleware.yaml"
    config.write_text(json.dumps(settings, indent=1), encoding="utf-8")  # JSON is YAML
    saved = folder / "evaluation.json"
    proxy = f"http://127.0.0.1:{PORT}/{index}"
    words: list[str] = []
    for arm in arms:
        seen = f";trained_on={','.join(map(str, arm.seen_folds))}" if arm.seen_folds else ""
        pipeline = _plain(arm.name) if arm.rewards else "_none"
        words += ["--arm", f"{arm.name}={proxy};pipeline={pipeline}{seen}"]
    asked = ("--folds", str(fold), "--fields", ",".join(FIELDS), "--depth", str(WINDOW))
    how = ("--no-cache", "--timeout", "120", "--warmup", "3", "--json", str(saved))
    with listening((qrm(), "serve", "-c", str(config)), PORT):
        command = (qrm(), "eval", "run", "--data", str(data), *asked, *how, *words)
        subprocess.run(command, check=True)  # noqa: S603 our own command
    return read_json(saved)


def together(title: str, parts: Sequence[Evaluation]) -> Evaluation:
    """Join the folds: every query once, each answered by models that have not seen it."""
    queries = tuple(query for part in parts for query in part.judged.queries)
    qrels = {key: value for part in parts for key, value in part.judged.qrels.items()}
    runs = []
    for number, arm in enumerate(parts[0].arms):
        rankings = {
            key: value for part in parts for key, value in part.arms[number].run.rankings.items()
        }
        runs.append(ArmRun(arm.name, rankings, arm.run.depth, arm.run.asked))
    judged = replace(parts[0].judged, queries=queries, qrels=qrels)
    return evaluate(title, judged, runs)


def _plain(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name)
