"""Serves every model in front of an engine, and asks for the queries that it has not seen."""

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from qrmiddleware.evaluation.comparison import Evaluation, evaluate
from qrmiddleware.evaluation.rankings import ArmRun
from qrmiddleware.evaluation.report.saved import read_json
from qrmiddleware_benchmarks.fronts import qrm, run_qrm
from qrmiddleware_benchmarks.processes import listening

FIRST_PORT: Final = 9400
PIPELINE: Final = "study"
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
        rewards: Options of the plugin, each with its weight.
        engine_weight: Of the engine's own score.
        seen_folds: Folds that its models were trained on.
        plugin: That serves the models.
    """

    name: str
    rewards: Sequence[Mapping[str, Any]] = ()
    engine_weight: float = 0.0
    seen_folds: tuple[int, ...] = ()
    plugin: str = "walmart_kd"

    def pipeline(self) -> dict[str, Any]:
        """Return the pipeline's configuration."""
        rewards = [
            {"plugin": self.plugin, "tag": f"{number}", "timeout_ms": PATIENCE_MS, **reward}
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
    arms: Sequence[Arm], *, data: Path, engine: str, index: str, fold: int | None, folder: Path
) -> Evaluation:
    """Ask all arms for queries, each arm through a proxy of its own in front of the engine.

    No arm finds scores or vectors of its model remembered since another arm asked for them.

    Args:
        arms: The first is the engine alone.
        data: Judgments.
        engine: Its URL.
        index: In it.
        fold: Whose queries; all folds' if ``None``.
        folder: For the configurations and what is measured.
    """
    folder.mkdir(parents=True, exist_ok=True)
    saved = folder / "evaluation.json"
    words: list[str] = []
    with ExitStack() as proxies:
        for port, arm in enumerate(arms, FIRST_PORT):
            config = folder / f"{_plain(arm.name)}.yaml"
            _write_config(config, arm, engine, port)
            proxies.enter_context(listening((qrm(), "serve", "-c", str(config)), port))
            seen = f";trained_on={','.join(map(str, arm.seen_folds))}" if arm.seen_folds else ""
            pipeline = PIPELINE if arm.rewards else "_none"
            asked = f"http://127.0.0.1:{port}/{index};pipeline={pipeline}"
            words += ["--arm", f"{arm.name}={asked}{seen}"]
        folds = () if fold is None else ("--folds", str(fold))
        queries = (*folds, "--fields", ",".join(FIELDS), "--depth", str(WINDOW))
        how = ("--no-cache", "--timeout", "120", "--warmup", "3", "--json", str(saved))
        run_qrm("eval", "run", "--data", data, *queries, *how, *words)
    return read_json(saved)


def _write_config(file: Path, arm: Arm, engine: str, port: int) -> None:
    settings: dict[str, Any] = {
        "listen": {"port": port},
        "admin": {"port": None},
        "upstream": {"urls": [engine], "timeout_ms": PATIENCE_MS},
        "pipelines": {PIPELINE: arm.pipeline()},
    }
    file.write_text(json.dumps(settings, indent=1), encoding="utf-8")  # JSON is YAML


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
