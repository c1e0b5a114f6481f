"""What do engines, and rules in front of them, do for real shoppers' queries?

Writes ``docs/icecat.md``, out of what ``qrm eval`` says:

    uv run python benchmarks/studies/icecat/run.py --data FOLDER

FOLDER holds ``products.jsonl.gz``, ``queries.jsonl`` and ``judgments.tsv``; nothing of it is kept
here. Elasticsearch and OpenSearch are fetched if need be.
"""

import json
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from qrmiddleware.evaluation.comparison import Evaluation
from qrmiddleware.evaluation.report.saved import read_json
from qrmiddleware.evaluation.report.wording import interval_text, p_text, signed_text, value_text
from qrmiddleware_benchmarks.engines import running
from qrmiddleware_benchmarks.fronts import qrm, run_qrm
from qrmiddleware_benchmarks.processes import listening

HERE: Final = Path(__file__).parent
PAGE: Final = HERE.parents[2] / "docs" / "icecat.md"
PORT: Final = 9380
DEPTH: Final = 100
PLAIN_FIELDS: Final = "title,description"
SHOP_FIELDS: Final = "title,name,brand,product_type,description"
SEEN: Final = "0,1,2"
UNSEEN: Final = "3"
PLAIN: Final = ("nDCG@10", "nDCG@10 condensed", "Judged@10", "R@100", "RR", "bpref")
SHOP: Final = ("nDCG@10", "nDCG@10 condensed", "Judged@10", "R@100", "nothing found")


class Study:
    """One run of the study.

    Args:
        data: Folder of the data.
        folder: For what is written on the way.
    """

    def __init__(self, data: Path, folder: Path) -> None:
        self._data = data
        self._folder = folder

    def index(self, url: str, index: str, fields: str, analyzer: str) -> None:
        """Index the catalogue."""
        how = ("--fields", fields, "--analyzer", analyzer, "--replace")
        self._qrm("index", str(self._data), "--url", url, "--index", index, *how)

    def ask(self, *options: str) -> Evaluation:
        """Ask arms, and return what they measure."""
        saved = self._folder / "evaluation.json"
        data = ("--data", str(self._data), "--no-cache", "--depth", str(DEPTH))
        self._qrm("run", *data, *options, "--json", str(saved))
        return read_json(saved)

    def strict(self, runs: Path) -> Evaluation:
        """Measure saved rankings with grades 2 and 3 as relevant."""
        saved = self._folder / "strict.json"
        files = [str(file) for file in sorted(runs.iterdir())]
        options = ("--data", str(self._data), "-o", "relevant_from=2", "--depth", str(DEPTH))
        self._qrm("score", *files, *options, "--json", str(saved))
        return read_json(saved)

    def _qrm(self, *words: str) -> None:
        run_qrm("eval", *words)


def plain_section(study: Study, arms: Sequence[tuple[str, str, str]], runs: Path) -> str:
    """Measure engines by themselves; arms are a name, a URL and an analyzer."""
    options: list[str] = ["--fields", PLAIN_FIELDS, "--save-runs", str(runs)]
    for number, (name, url, analyzer) in enumerate(arms):
        index = f"plain{number}"
        study.index(url, index, PLAIN_FIELDS, analyzer)
        options += ["--arm", f"{name}, {analyzer}={url}/{index}"]
    found = study.ask(*options)
    strict = {arm.name: arm.means["R@100"] for arm in study.strict(runs).arms}
    rows = [f"| engine, analyzer | {' | '.join(PLAIN)} | R@100 of 2 and 3 |"]
    rows.append(f"|---|{'---:|' * (len(PLAIN) + 1)}")
    for arm in found.arms:
        values = [*(arm.means[name] for name in PLAIN), _value_of(strict, arm.name)]
        rows.append(f"| {arm.name} | {' | '.join(map(value_text, values))} |")
    return _text("page_plain").format(depth=DEPTH, table="\n".join(rows))


def _value_of(strict: dict[str, float], name: str) -> float:
    """Find an arm again, whose name a file's name may spell differently."""
    letters = {"".join(filter(str.isalnum, key)): value for key, value in strict.items()}
    return letters["".join(filter(str.isalnum, name))]


def rules_section(study: Study, name: str, url: str, folder: Path) -> Iterator[str]:
    """Measure rules in front of one engine."""
    study.index(url, "shop", SHOP_FIELDS, "standard")
    rules = {"plugin": "rules", "path": str(HERE / "rules.txt")}
    pipeline = {"index": ["shop"], "timeout_ms": 1_000, "rewriters": [rules]}
    settings: dict[str, Any] = {
        "listen": {"port": PORT},
        "admin": {"port": None},
        "upstream": {"urls": [url]},
        "pipelines": {"shop": pipeline},
    }
    config = folder / "qrmiddleware.yaml"
    config.write_text(json.dumps(settings), encoding="utf-8")  # JSON is YAML
    proxy = f"http://127.0.0.1:{PORT}/shop"
    yield f"\n### {name}\n"
    with listening((qrm(), "serve", "-c", str(config)), PORT):
        for folds in (SEEN, UNSEEN):
            arms = (f"off={proxy};pipeline=_none", f"rules={proxy};pipeline=shop")
            words = [word for arm in arms for word in ("--arm", arm)]
            found = study.ask("--body", str(HERE / "search.json"), "--folds", folds, *words)
            yield from rules_table(found, folds)


def rules_table(found: Evaluation, folds: str) -> Iterator[str]:
    """Write one comparison."""
    count = len(found.judged.queries)
    yield f"The {count} queries of {'folds' if ',' in folds else 'fold'} {folds}:\n"
    yield "| measure | off | rules | difference | 95 % interval | p | better / same / worse |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for one in found.differences:
        if one.measure in SHOP:
            cells = (
                one.measure,
                value_text(one.baseline),
                value_text(one.value),
                signed_text(one.difference),
                interval_text(one),
                p_text(one.p_value),
                f"{one.wins} / {one.ties} / {one.losses}",
            )
            yield f"| {' | '.join(cells)} |"
    yield ""


def main(data: Annotated[Path, typer.Option(help="Folder of the Icecat data.")]) -> None:
    """Measure, and write the page."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        elastic = stack.enter_context(running("elasticsearch", port=PORT + 1)).url
        open_search = stack.enter_context(running("opensearch", port=9260)).url
        embedded = f"http://127.0.0.1:{PORT + 2}"
        command = (
            qrm(),
            "serve",
            "--embedded",
            "memory",
            "--port",
            str(PORT + 2),
            "--admin-port",
            "9383",
        )
        stack.enter_context(listening(command, PORT + 2))
        names = {
            f"Elasticsearch {_version(elastic)}": elastic,
            f"OpenSearch {_version(open_search)}": open_search,
            "embedded engine": embedded,
        }
        study = Study(data, folder)
        arms = [(name, url, analyzer) for name, url in names.items()
                for analyzer in ("standard", "english")
                if analyzer == "standard" or url != elastic]  # fmt: skip
        parts = [_text("page_head")]
        parts.append(plain_section(study, arms, folder / "runs"))
        parts.append(_text("page_rules"))
        for name, url in names.items():
            parts += rules_section(study, name, url, folder)
    PAGE.write_text("\n".join(parts).strip() + "\n", encoding="utf-8")
    typer.echo(PAGE.read_text(encoding="utf-8"))


def _text(name: str) -> str:
    return (HERE / f"{name}.md").read_text(encoding="utf-8")


def _version(url: str) -> str:
    with urllib.request.urlopen(f"{url}/_nodes?filter_path=nodes.*.version") as reply:  # noqa: S310 our own engine
        nodes = json.load(reply)["nodes"]
    return str(next(iter(nodes.values()))["version"])


if __name__ == "__main__":
    typer.run(main)
