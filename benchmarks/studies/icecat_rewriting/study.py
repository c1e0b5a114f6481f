r"""What rewriters bring real shoppers' queries: RM3, and a generator before and after alignment.

Trains on one catalogue, serves every arm through the proxy in front of Elasticsearch and
OpenSearch, and writes ``docs/rewriting_icecat.md``:

    uv run --all-packages --extra students --extra train --extra distill \
        python benchmarks/studies/icecat_rewriting/study.py --data FOLDER --log FILE --work FOLDER

The data is that of ``benchmarks/studies/icecat``; the log holds queries of another shop, one a
line. What is in the work folder already is not made again; ``--page`` only writes the page anew.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from training import FIELDS, Engine, Training

from qrmiddleware.evaluation.comparison import Evaluation
from qrmiddleware.evaluation.report.saved import read_json
from qrmiddleware.evaluation.report.wording import interval_text, signed_text, value_text
from qrmiddleware_benchmarks.fronts import qrm
from qrmiddleware_benchmarks.processes import listening

HERE: Final = Path(__file__).parent
sys.path.append(str(HERE.parent / "icecat_students"))
from engines import INDEX, filled, title_of  # noqa: E402 a study beside this one

PAGE: Final = HERE.parents[2] / "docs" / "rewriting_icecat.md"
PORT: Final = 9480
DEPTH: Final = 100
MEASURES: Final = ("R@100", "nothing found", "nDCG@10 condensed", "nDCG@10", "Judged@10")
COMPARED: Final = ("R@100", "nDCG@10 condensed")
PATIENCE_MS: Final = 120_000
BOOST: Final = 0.6
OFF: Final = "direct"
JUDGED: Final = "direct, reranked"
"""The baselines: the engine alone, and with a relevance plugin behind it."""


def pipelines(training: Training, engine: str) -> dict[str, dict[str, Any]]:
    """Return the arms' pipelines by name; that of the engine alone has no plugin."""
    rm3 = {"plugin": "rm3", "url": engine, "index": INDEX, "fields": FIELDS.split(",")}
    ways = {
        "rm3": [rm3],
        "words": [_generator(training.words)],
        "sft": [_generator(training.sft)],
        "beque": [_generator(training.beque)],
        "beque, likely only": [_generator(training.beque) | {"min_log_probability": -0.5}],
        "beque and rm3": [_generator(training.beque), rm3],
    }
    reranking = {"plugin": "walmart_kd", "model": str(training.minilm), "timeout_ms": PATIENCE_MS}
    made = {name: _pipeline(rewriters) for name, rewriters in ways.items()}
    careless = {"keep_identifiers": False, "max_rewrites": 64}
    made["beque, all admitted"] = _pipeline(ways["beque"]) | careless
    made[JUDGED] = _pipeline([]) | {"rewards": [reranking]}
    for name in ("words", "beque"):
        made[f"{name}, reranked"] = _pipeline(ways[name]) | {"rewards": [reranking]}
    return made


def _generator(model: Path) -> dict[str, Any]:
    return {"plugin": "beque", "model": str(model), "n": 3}


def _pipeline(rewriters: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "index": [],
        "timeout_ms": PATIENCE_MS,
        "fields": FIELDS.split(","),
        "rank_window_size": DEPTH,
        "merge": {"policy": "dis_max", "boost": BOOST},
        "rewriters": [{"timeout_ms": PATIENCE_MS, **each} for each in rewriters],
    }


def main(
    data: Annotated[Path, typer.Option(help="Folder of the Icecat data.")],
    log: Annotated[Path, typer.Option(help="Queries of another shop, one a line.")],
    work: Annotated[Path, typer.Option(help="Folder for all that is made.")],
    page: Annotated[bool, typer.Option("--page", help="Only write the page anew.")] = False,
) -> None:
    """Train, measure, and write the page."""
    if not page:
        work.mkdir(parents=True, exist_ok=True)
        with filled(data) as engines:
            training = Training(data, log, work, Engine(engines["elasticsearch"].url, INDEX))
            training.train()
            for name, engine in engines.items():
                measure(training, data, engine.url, work / f"{name}.json")
    write_page(work)


def measure(training: Training, data: Path, engine: str, saved: Path) -> None:
    """Ask all arms for all queries, through one proxy."""
    made = pipelines(training, engine)
    named = {name: f"arm{number}" for number, name in enumerate(made)}
    settings = {
        "listen": {"port": PORT},
        "admin": {"port": None},
        "upstream": {"urls": [engine], "timeout_ms": PATIENCE_MS},
        "pipelines": {named[name]: pipeline for name, pipeline in made.items()},
    }
    config = saved.with_suffix(".yaml")
    config.write_text(json.dumps(settings, indent=1), encoding="utf-8")  # JSON is YAML
    index = f"http://127.0.0.1:{PORT}/{INDEX}"
    words = ["--arm", f"{OFF}={index};pipeline=_none"]
    for name, pipeline in named.items():
        words += ["--arm", f"{name}={index};pipeline={pipeline}"]
    asked = ("--data", str(data), "--fields", FIELDS, "--depth", str(DEPTH), "--no-cache")
    how = ("--timeout", "120", "--warmup", "3", "--value-rewrites", "--provenance")
    with listening((qrm(), "serve", "-c", str(config)), PORT):
        command = (qrm(), "eval", "run", *asked, *how, "--json", str(saved), *words)
        subprocess.run(command, check=True)  # noqa: S603 our own command


def write_page(work: Path) -> None:
    """Write the page from what was measured."""
    parts = [(HERE / "page.md").read_text(encoding="utf-8").strip(), ""]
    for name in ("elasticsearch", "opensearch"):
        parts += [*section(title_of(name), read_json(work / f"{name}.json")), ""]
    PAGE.write_text("\n".join(parts).strip() + "\n", encoding="utf-8")


def section(title: str, found: Evaluation) -> Iterator[str]:
    """Write one engine's part of the page."""
    head = ("arm", *MEASURES, "p50 ms", "p95 ms")
    yield from (f"## {title}", "", f"| {' | '.join(head)} |", f"|---|{'---:|' * (len(head) - 1)}")
    for arm in found.arms:
        values = [value_text(arm.means[name]) for name in MEASURES]
        times = [f"{arm.latency_ms[name]:.0f}" for name in ("p50", "p95")]
        yield f"| {' | '.join([arm.name, *values, *times])} |"
    yield from ("", f"Against `{OFF}`, queries better : same : worse:", "")
    yield f"| arm | {' | '.join(f'{name} | wins' for name in COMPARED)} |"
    yield f"|---|{'---:|' * (2 * len(COMPARED))}"
    for arm in found.arms[1:]:
        cells = [arm.name]
        for name in COMPARED:
            (one,) = (e for e in found.differences if (e.arm, e.measure) == (arm.name, name))
            cells.append(f"{signed_text(one.difference)} ({interval_text(one)})")
            cells.append(f"{one.wins} : {one.ties} : {one.losses}")
        yield f"| {' | '.join(cells)} |"
    yield from ("", "What rewrites find when they are searched for alone, means over rewrites:", "")
    yield "| arm | queries rewritten | rewrites | relevance | increment | of union |"
    yield f"|---|{'---:|' * 5}"
    for arm in found.arms[1:]:
        valued = [each.value for each in arm.attribution if each.value is not None]
        if not valued:
            continue
        queries = len({each.query_id for each in arm.attribution})
        means = [
            sum(getattr(value, name) for value in valued) / len(valued)
            for name in ("relevance", "increment", "increment_union")
        ]
        told = [arm.name, f"{queries}", f"{len(arm.attribution)}", *map(value_text, means)]
        yield f"| {' | '.join(told)} |"


if __name__ == "__main__":
    typer.run(main)
