"""The arms that are compared: pipelines of one proxy, and searches through them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from training import FIELDS

from qrmiddleware_benchmarks.fronts import qrm, run_qrm
from qrmiddleware_benchmarks.processes import listening

PORT: Final = 9480
DEPTH: Final = 100
PATIENCE_MS: Final = 120_000
BOOST: Final = 0.6
OFF: Final = "direct"
"""The arm of the engine alone."""
RULES: Final = Path(__file__).parents[1] / "icecat" / "rules.txt"

Pipeline = dict[str, Any]


def generator(model: Path) -> Pipeline:
    """Return the rewriter of a model."""
    return {"plugin": "beque", "model": str(model), "n": 5, "beams": 5}


def pipeline(rewriters: Sequence[Mapping[str, Any]], **others: object) -> Pipeline:
    """Return a pipeline of rewriters, which have all the time that they want."""
    return {
        "index": [],
        "timeout_ms": PATIENCE_MS,
        "fields": FIELDS.split(","),
        "rank_window_size": DEPTH,
        "merge": {"policy": "dis_max", "boost": BOOST},
        "rewriters": [{"timeout_ms": PATIENCE_MS, **each} for each in rewriters],
        **others,
    }


def pipelines(
    trained: Sequence[Mapping[str, Path]], minilm: Path, engine: str, index: str
) -> dict[str, Pipeline]:
    """Return all arms but the first; a trained one is named by its model and its seed."""
    rm3 = {"plugin": "rm3", "url": engine, "index": index, "fields": FIELDS.split(",")}
    judge = {"plugin": "walmart_kd", "model": str(minilm), "timeout_ms": PATIENCE_MS}
    first = {name: generator(model) for name, model in trained[0].items()}
    made = {
        "rules": pipeline([{"plugin": "rules", "path": str(RULES)}]),
        "rm3": pipeline([rm3]),
    }
    for name in first:
        for seed, model in enumerate(dict.fromkeys(models[name] for models in trained)):
            made[seeded(name, seed)] = pipeline([generator(model)])
    careless = {"keep_identifiers": False, "max_rewrites": 64}
    made["beque, all admitted"] = pipeline([first["beque"]], **careless)
    made[f"{OFF}, reranked"] = pipeline([], rewards=[judge])
    for name in ("words", "beque", "rl_qr"):
        made[f"{name}, reranked"] = pipeline([first[name]], rewards=[judge])
    return made


def seeded(name: str, seed: int) -> str:
    """Return the name of a trained arm."""
    return f"{name} #{seed}"


@contextmanager
def serving(made: Mapping[str, Pipeline], engine: str, config: Path) -> Iterator[dict[str, str]]:
    """Serve all arms by one proxy; yields the name of each one's pipeline by arm."""
    named = {name: f"arm{number}" for number, name in enumerate(made)}
    settings = {
        "listen": {"port": PORT},
        "admin": {"port": None},
        "upstream": {"urls": [engine], "timeout_ms": PATIENCE_MS},
        "pipelines": {named[name]: each for name, each in made.items()},
    }
    config.write_text(json.dumps(settings, indent=1), encoding="utf-8")  # JSON is YAML
    with listening((qrm(), "serve", "-c", str(config)), PORT):
        yield {OFF: "_none", **named}


def ask(named: Mapping[str, str], data: Path, index: str, search: Path, saved: Path) -> None:
    """Have `qrm eval run` ask all arms for all queries."""
    url = f"http://127.0.0.1:{PORT}/{index}"
    words = [
        word for arm, name in named.items() for word in ("--arm", f"{arm}={url};pipeline={name}")
    ]
    asked = ("--data", data, "--body", search, "--depth", str(DEPTH), "--no-cache")
    how = ("--timeout", "120", "--warmup", "3", "--value-rewrites", "--provenance")
    run_qrm("eval", "run", *asked, *how, "--json", saved, *words)
