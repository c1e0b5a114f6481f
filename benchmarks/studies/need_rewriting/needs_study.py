r"""What is learnt of people's searches: from a need in a sentence to what was typed for it.

Trains the stages of `qrm beque` and `qrm rl-qr`, measures their rewrites of needs that nobody
learnt from, and writes ``docs/rewriting_needs.md``:

    uv run --all-packages --extra students --extra train \
        python benchmarks/studies/need_rewriting/needs_study.py \
        --needs FOLDER --queries FOLDER --work FOLDER

``--needs`` holds ``rewrites.tsv`` and ``instructions.jsonl`` (WebShop), ``--queries`` ESCI's
``queries.jsonl``. What is in the work folder already is not made again; ``--beque-only`` leaves out
distillation and ESCI.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from statistics import fmean
from time import perf_counter
from typing import Annotated, Final

import msgspec
import numpy as np
import typer
from needs import WordRule, read_pairs, typed_by_need
from needs_training import Training
from shared_products import SharedProducts

from qrmiddleware.evaluation.comparison import bootstrap, percentiles
from qrmiddleware.evaluation.report.wording import signed_text, value_text
from qrmiddleware.evaluation.rewrite_quality import nearness
from qrmiddleware.students.generator import DecodingOptions, Generator
from qrmiddleware.students.settings import RuntimeSettings

HERE: Final = Path(__file__).parent
PAGE: Final = HERE.parents[2] / "docs" / "rewriting_needs.md"
MEASURES: Final = ("exact_match", "token_f1", "rouge_l", "echoes")
COPY: Final = "copy"
RULE: Final = "word rule"
LEARNT_FROM: Final = {
    RULE: COPY,
    "copies": RULE,
    "SFT": "copies",
    "+ rejection": "SFT",
    "+ PRO": "+ rejection",
    "distilled": "SFT",
}
"""What each arm is to be better than, or as good as."""
GREEDY: Final = DecodingOptions(n=1, beams=1, max_new_tokens=32, drop_echoes=False)
ONE_THREAD: Final = RuntimeSettings(device="cpu", inter_threads=1, intra_threads=1, cache_bytes=0)
SHOWN: Final = 4


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One arm on all queries that were held out.

    Attributes:
        values: By measure, then by query in the set's order; means over the seeds.
        rewrites: Of each query, by the first seed.
        seeds: Mean token F1 of each.
        latency_ms: Of single queries, by percentile; empty of what is no model.
        parameters: Of the model; 0 of what is none.
    """

    values: dict[str, list[float]]
    rewrites: list[str]
    seeds: list[float]
    latency_ms: dict[str, float] = {}
    parameters: int = 0


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One set of data: what was learnt from it, held out of it, and measured.

    Attributes:
        learnt: Pairs to learn from.
        queries: That were held out …
        references: … and what was written for each.
        arms: By name.
    """

    learnt: int
    queries: list[str]
    references: list[list[str]]
    arms: dict[str, Measured]


def main(
    *,
    needs: Annotated[Path, typer.Option(help="Folder of the needs, and what was typed.")],
    queries: Annotated[Path, typer.Option(help="Folder of the queries with their products.")],
    work: Annotated[Path, typer.Option(help="Folder for all that is made.")],
    seeds: Annotated[int, typer.Option(min=1, help="To train with, on needs.")] = 1,
    beque_only: Annotated[bool, typer.Option(help="No distillation, no shared products.")] = False,
    page_only: Annotated[bool, typer.Option(help="Write the page of what was measured.")] = False,
) -> None:
    """Train, measure, and write the page."""
    if not page_only:
        work.mkdir(parents=True, exist_ok=True)
        training = Training(needs, work)
        training.begin()
        every = [training.train(seed) for seed in range(seeds)]
        if not beque_only:
            every = [made | training.distil(seed) for seed, made in enumerate(every)]
        _write(work / "needs.json", _needs(training, every))
        if not beque_only:
            shared = SharedProducts(queries, work / "esci", training.warm, training.short)
            _write(work / "esci.json", _esci(shared))
    write_page(work)


def _write(file: Path, task: Task) -> None:
    file.write_bytes(msgspec.json.format(msgspec.json.encode(task)))


def _needs(training: Training, every: Sequence[Mapping[str, Path]]) -> Task:
    rule = WordRule(read_pairs(training.pairs, "train"))
    models = {name: [made[name] for made in every] for name in every[0]}
    return _task(training.pairs, models, rule)


def _esci(training: SharedProducts) -> Task:
    models = {name: [folder] for name, folder in training.train().items()}
    return _task(training.pairs, models)


def _task(pairs: Path, models: Mapping[str, Sequence[Path]], rule: WordRule | None = None) -> Task:
    wanted = typed_by_need(read_pairs(pairs, "test"))
    arms = {COPY: measured({query: query for query in wanted}, wanted)}
    if rule is not None:
        arms[RULE] = measured({query: rule.rewrite(query) for query in wanted}, wanted)
    for name, folders in models.items():
        arms[name] = together([measure_model(folder, wanted) for folder in folders])
    return Task(
        learnt=len(read_pairs(pairs, "train")),
        queries=list(wanted),
        references=list(wanted.values()),
        arms=arms,
    )


def measured(rewrites: Mapping[str, str], wanted: Mapping[str, Sequence[str]]) -> Measured:
    """Compare rewrites with what people wrote, query by query."""
    each = [nearness({query: rewrites[query]}, {query: told}) for query, told in wanted.items()]
    values = {name: [getattr(one, name) for one in each] for name in MEASURES}
    told = [rewrites[query] for query in wanted]
    return Measured(values=values, rewrites=told, seeds=[fmean(values["token_f1"])])


def measure_model(folder: Path, wanted: Mapping[str, Sequence[str]]) -> Measured:
    """Have a generator write the likeliest rewrite of each query, on one thread, and time it."""
    rewrites, took = {}, []
    with closing(Generator.open(folder, ONE_THREAD)) as generator:
        for query in [next(iter(wanted)), *wanted]:  # the first one warms up
            began = perf_counter()
            rewrites[query] = next((one.text for one in generator.generate(query, GREEDY)), "")
            took.append(1_000 * (perf_counter() - began))
        parameters = generator.manifest.architecture.parameters
    found = measured(rewrites, wanted)
    return msgspec.structs.replace(
        found, latency_ms=percentiles(took[1:]), parameters=parameters or 0
    )


def together(seeds: Sequence[Measured]) -> Measured:
    """Average an arm over its seeds, query by query."""
    first = seeds[0]
    values = {
        name: list(map(fmean, zip(*(each.values[name] for each in seeds), strict=True)))
        for name in first.values
    }
    means = [mean for each in seeds for mean in each.seeds]
    return msgspec.structs.replace(first, values=values, seeds=means)


def write_page(work: Path) -> None:
    """Write the page from what was measured."""
    needs = _read(work / "needs.json")
    parts = [
        (HERE / "page.md").read_text(encoding="utf-8").strip(),
        "## Needs, and what was typed for them",
        _counts(needs),
        _table(needs),
        "By seed, token F1: " + "; ".join(_by_seed(needs)) + ".",
        "The first needs that were held out, as each arm rewrites them:",
        "\n".join(_examples(needs)),
    ]
    if (work / "esci.json").is_file():
        esci = _read(work / "esci.json")
        parts += ["## Queries that share products", _counts(esci), _table(esci)]
        parts += ["\n".join(_examples(esci))]
    PAGE.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _read(file: Path) -> Task:
    return msgspec.json.decode(file.read_bytes(), type=Task)


def _counts(task: Task) -> str:
    several = sum(len(each) > 1 for each in task.references)
    return (
        f"{task.learnt:,} pairs to learn from, {len(task.queries):,} queries held out, "
        f"{several:,} of them with several references: the nearest counts."
    )


def _table(task: Task) -> str:
    head = ["arm", "exact", "token F1", "ROUGE-L", "echoes", "F1 against copy"]
    head += ["F1 against", "parameters", "p50 ms", "p95 ms"]
    lines = [f"| {' | '.join(head)} |", "|---|" + "---:|" * (len(head) - 1)]
    for name, arm in task.arms.items():
        times = [f"{arm.latency_ms[key]:.1f}" if arm.latency_ms else "" for key in ("p50", "p95")]
        other = LEARNT_FROM.get(name, "")
        before = f"{other}: {_against(task, name, other)}" if other in task.arms else ""
        cells = [name, *(value_text(fmean(arm.values[each])) for each in MEASURES)]
        cells += [_against(task, name, COPY) if name != COPY else "", before]
        lines.append(f"| {' | '.join([*cells, f'{arm.parameters:,}', *times])} |")
    return "\n".join(lines)


def _against(task: Task, name: str, other: str) -> str:
    one, two = (np.array([task.arms[each].values["token_f1"]]) for each in (name, other))
    ((low, high),) = bootstrap(one - two)
    return f"{signed_text(float((one - two).mean()))} ({signed_text(low)} to {signed_text(high)})"


def _by_seed(task: Task) -> Iterator[str]:
    for name, arm in task.arms.items():
        if arm.parameters:
            yield f"{name} {', '.join(map(value_text, arm.seeds))}"


def _examples(task: Task) -> Iterator[str]:
    for place, query in enumerate(task.queries[:SHOWN]):
        yield f"- *{query}*"
        yield f"    - written by people or the log: {'; '.join(task.references[place])}"
        for name, arm in task.arms.items():
            if name != COPY:
                yield f"    - {name}: {arm.rewrites[place]}"


if __name__ == "__main__":
    typer.run(main)
