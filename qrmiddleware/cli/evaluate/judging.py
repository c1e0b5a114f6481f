"""``qrm eval judge``: a language model fills in what a pool leaves open."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from qrmiddleware.asking.endpoint import ATTEMPTS, TIMEOUT_S, Endpoint, EndpointOptions
from qrmiddleware.cli.console import counting, err, note, out
from qrmiddleware.cli.evaluate.pooling import FieldsOption, SeedOption, documents, split_names
from qrmiddleware.cli.model_endpoint import (
    AttemptsOption,
    BodyOption,
    CertificatesOption,
    EndpointOption,
    KeyFileOption,
    KeyVariableOption,
    ModelOption,
    TimeoutOption,
    read_body,
    read_key,
)
from qrmiddleware.errors import ConfigError
from qrmiddleware.evaluation import formats
from qrmiddleware.evaluation.agreement import Agreement, Kappa, describe, measure_agreement
from qrmiddleware.evaluation.collection import JudgedQueries
from qrmiddleware.evaluation.judging.answers import AnswerLog
from qrmiddleware.evaluation.judging.prompt import load_prompt, meanings_for
from qrmiddleware.evaluation.judging.run import (
    JudgedPairs,
    JudgeOptions,
    judge_pairs,
    judged_twice,
    sample_judged,
)
from qrmiddleware.evaluation.pool_files import format_of, read_pool, read_sources, write_pool
from qrmiddleware.evaluation.pooling import PooledPair

_SHOWN_PROBLEMS = 5


def judge(
    pool: Annotated[Path, typer.Argument(help="What `qrm eval pool` wrote.")],
    data: Annotated[
        Path, typer.Option("--data", "-d", help="Folder or file with the human judgments.")
    ],
    catalogue: Annotated[
        Path, typer.Option(help="Folder or file of the documents that people judged.")
    ],
    endpoint: EndpointOption,
    model: ModelOption,
    labels: Annotated[
        Path | None, typer.Option("--out", "-o", help="Where labels go; else POOL.judged.*.")
    ] = None,
    api_key_env: KeyVariableOption = "",
    api_key_file: KeyFileOption = None,
    ca_certs: CertificatesOption = None,
    sample: Annotated[
        int, typer.Option(min=20, help="Human-judged pairs to compare the model with.")
    ] = 200,
    most_pairs: Annotated[
        int, typer.Option(min=1, help="Ask about no more pairs than this, sample included.")
    ] = 1000,
    grade: Annotated[
        list[str] | None, typer.Option(help="What a grade means: '3=exact: …'; repeat.")
    ] = None,
    prompt: Annotated[
        Path | None, typer.Option(help="A prompt of your own; docs/evaluation.md shows its form.")
    ] = None,
    fields: FieldsOption = "",
    body: BodyOption = "",
    concurrency: Annotated[int, typer.Option(min=1, help="Pairs at a time.")] = 4,
    rate: Annotated[
        float, typer.Option(min=0, help="Most requests a second; 0 for no bound.")
    ] = 0.0,
    timeout: TimeoutOption = TIMEOUT_S,
    attempts: AttemptsOption = ATTEMPTS,
    answers: Annotated[
        Path | None, typer.Option(help="Where every answer is kept; else POOL.answers.jsonl.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Ask again about pairs that were set aside.")
    ] = False,
    seed: SeedOption = 1,
) -> None:
    """Label pooled pairs with a language model, and say how far it agrees with people.

    Works with every endpoint that speaks OpenAI's chat completions. First it judges a sample of
    what people have judged; the agreement (Cohen's kappa) is printed with every result. Answers
    are kept as they come: a run that is interrupted goes on where it stopped, and nothing is paid
    for twice. Labels carry the model's name in the column `source`. Needs the extra `llm`.

    Examples:

        qrm eval judge pool.tsv --data ./judged --catalogue ./judged
        --endpoint http://localhost:8000/v1 --model qwen3-8b

        qrm eval judge pool.tsv --data ./judged --catalogue ./judged --most-pairs 300 --rate 2
        --endpoint https://api.openai.com/v1 --model gpt-4.1-mini --api-key-env OPENAI_API_KEY
    """
    judged = formats.load_judged(data)
    asked = EndpointOptions(
        endpoint,
        read_key(api_key_env, api_key_file),
        timeout_s=timeout,
        requests_per_minute=60 * rate,
        burst_s=0,
        attempts=attempts,
        ca=ca_certs,
    )
    scale = tuple(range(min(judged.gains), max(judged.gains) + 1))
    meanings = meanings_for(scale, _meanings(grade or ()))
    options = JudgeOptions(
        model, load_prompt(prompt), meanings, read_body(body), concurrency, most_pairs, again=again
    )
    labels = labels or pool.with_suffix(f".judged{pool.suffix}")
    file_format = format_of(labels)
    pairs = list(read_pool(pool, judged.queries))
    names = split_names(fields) or _shown(pairs)
    compared = sample_judged(
        judged, read_sources(data), documents(catalogue), count=sample, names=names, seed=seed
    )
    if not compared:
        message = (
            f"{catalogue} has none of the documents that people judged in {data}: the model "
            "cannot be compared with them"
        )
        raise ConfigError(message)
    kept = answers or pool.with_suffix(".answers.jsonl")
    result = _judge((*compared, *pairs), asked, options, kept)
    write_pool(labels, result.pairs[len(compared) :], file_format)
    _tell(result, compared, labels)
    _compare(result.pairs[: len(compared)], judged, scale, labels)
    if result.stopped or result.unanswered:
        raise typer.Exit(1)


def _meanings(told: Sequence[str]) -> dict[int, str]:
    meanings: dict[int, str] = {}
    for each in told:
        number, _, meaning = each.partition("=")
        try:
            meanings[int(number)] = meaning.strip() or str(number)
        except ValueError as error:
            message = f"--grade {each!r}: write NUMBER=MEANING"
            raise ConfigError(message) from error
    return meanings


def _shown(pairs: Sequence[PooledPair]) -> tuple[str, ...]:
    """Return the fields that a pool shows, so that the sample shows the same."""
    return tuple(dict.fromkeys(name for pair in pairs for name in pair.fields))


def _judge(
    pairs: Sequence[PooledPair], asked: EndpointOptions, options: JudgeOptions, kept: Path
) -> JudgedPairs:
    with counting() as progress:
        task = progress.add_task("judging", total=len(pairs))

        async def run() -> JudgedPairs:
            async with Endpoint(asked) as endpoint:
                with AnswerLog(kept) as log:
                    if log.note:
                        note(log.note)
                    return await judge_pairs(
                        pairs, endpoint, log, options, lambda: progress.advance(task)
                    )

        return asyncio.run(run())


def _tell(result: JudgedPairs, compared: Sequence[PooledPair], labels: Path) -> None:
    """Say what was done, what it took, and what is missing."""
    done = sum(pair.relevance is not None for pair in result.pairs[len(compared) :])
    tokens = (
        f"{result.prompt_tokens:,} + {result.completion_tokens:,} tokens"
        if result.prompt_tokens
        else "tokens not told"
    )
    err.print(
        f"wrote {labels}: {done:,} of {len(result.pairs) - len(compared):,} pairs labelled. "
        f"Asked about {result.asked:,} pairs now ({tokens}), {result.remembered:,} were known.",
        highlight=False,
        soft_wrap=True,
    )
    for count, what in (
        (len(result.set_aside), "pairs were set aside; --again asks about them once more"),
        (result.beyond_budget, "pairs are beyond --most-pairs and were not asked about"),
        (result.unanswered, "pairs got no answer; the same command asks again"),
    ):
        if count:
            note(f"{count:,} {what}")
    for answer in result.set_aside[:_SHOWN_PROBLEMS]:
        said = Text(f"  {answer.query_id} {answer.doc_id}: {answer.problem}", style="dim")
        err.print(said, soft_wrap=True)
    if result.stopped:
        err.print(Text(f"stopped: {result.stopped}", style="red"), soft_wrap=True)


def _compare(
    pairs: Sequence[PooledPair], judged: JudgedQueries, scale: Sequence[int], labels: Path
) -> None:
    """Print and save the agreement with people."""
    twice = list(judged_twice(pairs, judged))
    if not twice:
        note("no answer to compare with people's judgments yet")
        return
    agreement = measure_agreement(twice, scale, relevant_from=judged.relevant_from)
    _print_agreement(agreement)
    file = labels.with_suffix(".agreement.json")
    file.write_text(json.dumps(_finite(asdict(agreement)), indent=1) + "\n", encoding="utf-8")


def _finite(tree: Any) -> Any:  # noqa: ANN401 any JSON
    if isinstance(tree, dict):
        return {key: _finite(value) for key, value in tree.items()}
    return None if isinstance(tree, float) and tree != tree else tree  # noqa: PLR0124 nan


def _print_agreement(agreement: Agreement) -> None:
    title = f"agreement with people on {agreement.pairs} pairs of {agreement.queries} queries"
    table = Table("Cohen's kappa", "value", "95 % interval", box=box.SIMPLE_HEAD, title=title)
    for name, kappa in (
        ("all grades alike", agreement.kappa),
        ("weighted by squared distance", agreement.weighted),
        ("relevant or not", agreement.binary),
    ):
        table.add_row(name, *_kappa_cells(kappa))
    out.print(table)
    matrix = Table("people \\ model", box=box.SIMPLE_HEAD, title="how grades met")
    for each in agreement.grades:
        matrix.add_column(str(each), justify="right")
    for human, row in zip(agreement.grades, agreement.table, strict=True):
        matrix.add_row(str(human), *map(str, row))
    out.print(matrix)
    out.print(f"The same grade: {agreement.same:.0%}. {describe(agreement)}", highlight=False)


def _kappa_cells(kappa: Kappa) -> tuple[str, str]:
    if kappa.value != kappa.value:
        return ("not defined", "")
    return (f"{kappa.value:.3f}", f"{kappa.low:.3f} to {kappa.high:.3f}")
