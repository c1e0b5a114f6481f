r"""What reasons teach students: the ablations of ELLM-rele (MKD) and CRSD, through real proxies.

Trains every arm with several seeds, serves each through a proxy of its own in front of
Elasticsearch and OpenSearch, and writes ``docs/results.md``:

    uv run --all-packages --extra students --extra train \
        python benchmarks/studies/icecat_students/reasoning.py --data FOLDER --work FOLDER

The data is that of ``benchmarks/studies/icecat``; ``--esci`` names judged pairs with classes of
another shop, and ``--beside`` the work folder of ``walmart_kd.py``, whose arms then stand in the
same tables. What is in the work folder already is not made again. On two cores all of it takes
some three hours.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any, Final

import msgspec
import typer
from claims import Claim, is_first_seed, over_seeds, seeded, seeds_of, table
from engines import ANALYZERS, INDEX, TEXT_FIELDS, filled, title_of
from measuring import BASELINE, ENGINE, Arm, measure
from reasoning_training import REASON_TOKENS, TOKENS, Student, Training, attempts, students
from reasons_at_hand import VIEWS, worth_by_view

from qrmiddleware.distill.label_store import read_labels
from qrmiddleware.distill.labels import Pair
from qrmiddleware.evaluation.comparison import ArmScores, Evaluation, compare, evaluate
from qrmiddleware.evaluation.formats.registry import load_catalogue, load_judged
from qrmiddleware.evaluation.rankings import ArmRun, RankedHit, Ranking
from qrmiddleware.evaluation.report.saved import read_json, write_json
from qrmiddleware.evaluation.report.wording import interval_text, signed_text, value_text
from qrmiddleware.students.texts import text_of
from qrmiddleware_benchmarks.fronts import run_qrm

HERE: Final = Path(__file__).parent
PAGE: Final = HERE.parents[2] / "docs" / "results.md"
MEASURES: Final = ("nDCG@10 condensed", "nDCG@10", "Judged@10")
BESIDE: Final = ("teacher + minilm", "towers margin", "cross margin")
"""Arms of the other study that stand in the tables."""
BLENDED: Final = frozenset({"ellm towers mkd", "ellm cross mkd", "crsd whole"})
"""Arms that are measured once more, with the engine's own score beside."""
GRADES: Final = {"E": 3, "S": 2, "C": 1, "I": 0}
"""Classes as grades, for `qrm eval classes`."""
POOL: Final = "reasons at hand"
TRIED_ON: Final = "elasticsearch"
CLAIMS: Final = (
    Claim(
        "MKD, two towers: probabilities teach more than classes",
        "ellm towers kd",
        "ellm towers hard",
    ),
    Claim("MKD, two towers: and the order within a query", "ellm towers scores", "ellm towers kd"),
    Claim("MKD, two towers: and verdicts on aspects", "ellm towers mkd", "ellm towers scores"),
    Claim("MKD, two towers: all of it", "ellm towers mkd", "ellm towers hard"),
    Claim("MKD, cross-encoder: probabilities", "ellm cross kd", "ellm cross hard"),
    Claim("MKD, cross-encoder: and the order", "ellm cross scores", "ellm cross kd"),
    Claim("MKD, cross-encoder: and verdicts", "ellm cross mkd", "ellm cross scores"),
    Claim("MKD, cross-encoder: all of it", "ellm cross mkd", "ellm cross hard"),
    Claim("CRSD: reading reasons in training", "crsd augmented", "crsd plain"),
    Claim("CRSD: and self-distillation", "crsd distilled", "crsd augmented"),
    Claim("CRSD: and contrast", "crsd whole", "crsd distilled"),
    Claim("CRSD: all of it", "crsd whole", "crsd plain"),
    Claim("CRSD: reasons that name the class", "crsd concluded", "crsd whole"),
    Claim("MKD's cross-encoder and what it begins with", "ellm cross mkd", "cross warm"),
    Claim("CRSD and what it begins with", "crsd whole", "cross warm"),
    Claim("MKD's towers and what they begin with", "ellm towers mkd", "minilm"),
    Claim("MKD's towers and Walmart's", "ellm towers mkd", "towers margin"),
)
TRIED: Final = (
    Claim("MKD, cross-encoder, four times as long", "ellm cross mkd long", "ellm cross hard long"),
    Claim("MKD, cross-encoder: eight times the verdicts", "ellm cross mkd heavy", "ellm cross mkd"),
    Claim(
        "MKD, two towers: a quarter of the queries",
        "ellm towers mkd quarter",
        "ellm towers hard quarter",
    ),
    Claim("MKD, two towers: eight times the verdicts", "ellm towers mkd heavy", "ellm towers mkd"),
    Claim("MKD, two towers: probabilities as they are", "ellm towers mkd sharp", "ellm towers mkd"),
    Claim("CRSD: all of it, four times as long", "crsd whole long", "crsd plain long"),
    Claim("CRSD: more of its own parts", "crsd whole heavy", "crsd whole"),
    Claim("MKD's cross-encoder, longer", "ellm cross mkd long", "ellm cross mkd"),
    Claim("CRSD, longer", "crsd whole long", "crsd whole"),
)
"""Of what else was tried; on one engine."""
CLASSED: Final = {
    "What of the teacher's classes students keep": "judged",
    "Classes in another shop: ESCI": "esci",
}
VIEWED: Final = ("crsd plain", "crsd augmented", "crsd whole", "crsd concluded")
"""Arms that are asked with the reasons at hand."""


def main(
    data: Annotated[Path, typer.Option(help="Folder of the Icecat data.")],
    work: Annotated[Path, typer.Option(help="Folder for all that is made.")],
    esci: Annotated[Path | None, typer.Option(help="Folder of judged pairs with classes.")] = None,
    beside: Annotated[Path | None, typer.Option(help="Work folder of walmart_kd.py.")] = None,
    seeds: Annotated[int, typer.Option(help="To train each student with.")] = 3,
) -> None:
    """Train, measure, and write the page."""
    with filled(data) as engines:
        training = Training(data, work, engines["elasticsearch"].url, INDEX)
        training.gather()
        arms = [(each, seed) for seed in range(seeds) for each in (*students(), *attempts())]
        for each, seed in arms:
            training.train(each, seed)
        for name, engine in engines.items():
            folder = work / "measured" / name
            found = measure(
                list(_arms(training, seeds)),
                data=data,
                engine=engine.url,
                index=INDEX,
                fold=None,
                folder=folder,
            )
            write_json(_joined(found, beside, name), work / "measured" / f"{name}.json")
        engine = engines[TRIED_ON]
        found = measure(
            list(_tried(training, seeds)),
            data=data,
            engine=engine.url,
            index=INDEX,
            fold=None,
            folder=work / "measured" / "tried",
        )
        write_json(found, work / "measured" / "tried.json")
    _judged_pairs(data, work / "judged")
    training.label(work / "judged", "--data", str(data))
    write_json(at_hand(training, data, seeds), work / "measured" / "at_hand.json")
    _classes(training, _told_by_teacher(work / "judged"), work / "judged", seeds)
    if esci is not None:
        _judged_pairs(esci, work / "esci")
        training.label(work / "esci", "--data", str(esci), "--least-products", "1")
        _classes(training, esci, work / "esci", seeds)
    write_page(work)


def _arms(training: Training, seeds: int) -> Iterator[Arm]:
    yield Arm(BASELINE)
    yield Arm("minilm", ({"model": str(training.minilm)},))
    yield Arm("cross warm", ({"model": str(training.work / "models" / "warm"), "reward": "logit"},))
    for each in students():
        yield from _seeds(training, each, seeds)
        if each.name in BLENDED:
            half = {"model": str(training.model(each, 0)), "weight": 1 - ENGINE}
            yield Arm(f"{each.name} blend", (half,), ENGINE, plugin=each.plugin)
    by_name = {each.name: each for each in students()}
    first, second = (training.model(by_name[f"ellm {kind} mkd"], 0) for kind in ("towers", "cross"))
    cascade = {"model": str(second), "first": str(first), "keep": 25}
    yield Arm("ellm cascade", (cascade,), plugin="ellm_rele")


def _tried(training: Training, seeds: int) -> Iterator[Arm]:
    """Yield what else was tried, and the arms that it is compared with."""
    yield Arm(BASELINE)
    compared = {name for claim in TRIED for name in (claim.better, claim.worse)}
    for each in (*students(), *attempts()):
        if each.name in compared:
            yield from _seeds(training, each, seeds)


def _seeds(training: Training, student: Student, seeds: int) -> Iterator[Arm]:
    """Yield an arm for each seed that the student was trained with."""
    for seed in filter(partial(training.has, student), range(seeds)):
        model = {"model": str(training.model(student, seed))}
        yield Arm(seeded(student.name, seed), (model,), plugin=student.plugin)


def _joined(found: Evaluation, beside: Path | None, engine: str) -> Evaluation:
    """Put the arms of the other study beside these; queries are the same."""
    if beside is None:
        return found
    other = read_json(beside / "measured" / f"{engine}.json")
    others = [arm.run for name in BESIDE for arm in seeds_of(other, name)]
    runs = [*(arm.run for arm in found.arms), *others]
    return evaluate(found.title, found.judged, runs, found.environment)


def at_hand(training: Training, data: Path, seeds: int) -> Evaluation:
    """Rank the judged pairs of every query by students that have the reasons, and that have not."""
    judged = load_judged(data)
    folder = training.work / "judged"
    runs: list[ArmRun] = []
    for student in students():
        if student.name not in VIEWED:
            continue
        for seed in range(seeds):
            found = worth_by_view(
                training.checkpoint(student, seed),
                folder,
                max_tokens=TOKENS,
                reason_tokens=REASON_TOKENS,
            )
            for view, worth in found.items():
                rankings = {
                    query.query_id: Ranking(query.query_id, _ranked(worth.get(query.text, {})))
                    for query in judged.queries
                }
                name = seeded(f"{student.name}: {view}", seed)
                runs.append(ArmRun(name, rankings, 100, POOL))
    return evaluate(POOL, judged, runs)


def _ranked(worth: dict[str, float]) -> tuple[RankedHit, ...]:
    ordered = sorted(worth.items(), key=lambda each: -each[1])
    return tuple(RankedHit(doc_id, score) for doc_id, score in ordered)


def _judged_pairs(data: Path, folder: Path) -> None:
    """Write all judged pairs, for labels."""
    folder.mkdir(parents=True, exist_ok=True)
    fields = TEXT_FIELDS.split(",")
    texts = {each.doc_id: text_of(each.source, fields) for each in load_catalogue(data)}
    judged = load_judged(data)
    with (folder / "pairs.jsonl").open("wb") as file:
        for query in judged.queries:
            for doc_id in judged.qrels.get(query.query_id, {}):
                if text := texts.get(doc_id):
                    pair = Pair(query.text, doc_id, text)
                    file.write(msgspec.json.encode(pair) + b"\n")


def _told_by_teacher(folder: Path) -> Path:
    """Write what the teacher says of the judged pairs, as judgments to compare students with."""
    told = folder / "told"
    told.mkdir(exist_ok=True)
    labels = read_labels(folder / "joined.labels.jsonl")
    queries = {query: f"{n}" for n, query in enumerate(dict.fromkeys(x.query for x in labels))}
    rows = [f"{queries[x.query]}\t{x.doc_id}\t{GRADES[x.grade]}\n" for x in labels]
    (told / "judgments.tsv").write_text(f"query_id\tproduct_id\tgrade\n{''.join(rows)}")
    with (told / "queries.jsonl").open("wb") as file:
        for query, query_id in queries.items():
            file.write(msgspec.json.encode({"query_id": query_id, "query": query}) + b"\n")
    return told


def _classes(training: Training, data: Path, folder: Path, seeds: int) -> None:
    """Measure the classes that teacher and cross-encoders tell."""
    systems = [str(folder / "joined.labels.jsonl")]
    systems += [
        str(training.model(each, seed))
        for each in students()
        if each.command == "student"
        for seed in range(seeds)
    ]
    saved = ("--json", str(folder / "classes.json"))
    told = ("--data", str(data), "--pairs", str(folder / "pairs.jsonl"), *saved)
    run_qrm("eval", "classes", *systems, *told)


def write_page(work: Path) -> None:
    """Write the page from what was measured."""
    measured = work / "measured"
    parts = [(HERE / "reasoning_page.md").read_text(encoding="utf-8").strip(), ""]
    for name in ANALYZERS:
        parts += [*section(title_of(name), read_json(measured / f"{name}.json")), ""]
    title = f"What else was tried: {title_of(TRIED_ON)}"
    parts += [*section(title, read_json(measured / "tried.json"), TRIED), ""]
    parts += [*_at_hand(read_json(measured / "at_hand.json")), ""]
    for title, folder in CLASSED.items():
        if (saved := work / folder / "classes.json").is_file():
            parts += [*classes_section(title, msgspec.json.decode(saved.read_bytes())), ""]
    PAGE.write_text("\n".join(parts).strip() + "\n", encoding="utf-8")


def section(title: str, found: Evaluation, claims: Sequence[Claim] = CLAIMS) -> Iterator[str]:
    """Write one part of the page: arms, and what is claimed of them."""
    head = ["arm", "seeds", *MEASURES, "against direct, condensed", "p50 ms", "p95 ms"]
    yield from (f"## {title}", "", f"| {' | '.join(head)} |", "|---|" + "---:|" * (len(head) - 1))
    direct = found.arms[0]
    for arm in filter(is_first_seed, found.arms):
        seeds = seeds_of(found, arm.name)
        whole = over_seeds(seeds)
        values = [value_text(whole.means[measure]) for measure in MEASURES]
        values[0] += _spread(seeds)
        times = [f"{arm.latency_ms[name]:.0f}" for name in ("p50", "p95")]
        against = "" if arm is direct else _difference(direct, whole)
        yield f"| {' | '.join([arm.name, f'{len(seeds)}', *values, against, *times])} |"
    yield from ("", "What is claimed, and what is found:", "")
    yield from table(found, claims, MEASURES[0])


def _spread(seeds: Sequence[ArmScores]) -> str:
    return _ends([arm.means[MEASURES[0]] for arm in seeds])


def _ends(values: Sequence[float]) -> str:
    return f" ({value_text(min(values))} to {value_text(max(values))})" if len(values) > 1 else ""


def _difference(one: ArmScores, other: ArmScores) -> str:
    (found,) = (each for each in compare([one, other]) if each.measure == MEASURES[0])
    return f"{signed_text(found.difference)} ({interval_text(found)})"


def _at_hand(found: Evaluation) -> Iterator[str]:
    yield from ("## With the reasons at hand", "")
    yield f"| arm | {' | '.join(VIEWS)} | what reasons would add | with conclusions |"
    yield "|---|" + "---:|" * (len(VIEWS) + 2)
    for name in VIEWED:
        plain, *others = (over_seeds(seeds_of(found, f"{name}: {view}")) for view in VIEWS)
        values = [value_text(each.means[MEASURES[0]]) for each in (plain, *others)]
        added = [_difference(plain, each) for each in others]
        yield f"| {' | '.join([name, *values, *added])} |"


def classes_section(title: str, found: Mapping[str, Any]) -> Iterator[str]:
    """Write how well classes are told; students are averaged over their seeds."""
    grouped: dict[str, list[Mapping[str, Any]]] = {}
    for each in (*found["systems"], found["majority"]):
        name, _, seed = each["name"].rpartition("-")
        grouped.setdefault(name if seed.isdecimal() else each["name"], []).append(each)
    yield from (f"## {title}", "")
    yield f"{found['pairs']:,} pairs of {found['queries']:,} queries."
    yield from ("", "| system | seeds | accuracy | macro-F1 |", "|---|---:|---:|---:|")
    for name, seeds in grouped.items():
        accuracy, f1 = ([each[key] for each in seeds] for key in ("accuracy", "macro_f1"))
        told = f"{value_text(fmean(f1))}{_ends(f1)}"
        plain = "teacher" if name == found["systems"][0]["name"] else name
        yield f"| {plain} | {len(seeds)} | {value_text(fmean(accuracy))} | {told} |"


if __name__ == "__main__":
    typer.run(main)
