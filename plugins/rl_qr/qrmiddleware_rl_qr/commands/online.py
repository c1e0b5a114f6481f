"""``qrm rl-qr online``: a rewriter goes on learning from what its rewrites find."""

# `qrm --help` reads this file: what a command needs is imported when it is asked for.
# ruff: noqa: PLC0415 typer reads signatures, and prints docstrings as they stand

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack, closing, contextmanager
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes.causal_options import AtOnceOption, RowsOption, RowTokensOption
from qrmiddleware.recipes.command_options import (
    RateOption,
    SeedOption,
    StepsOption,
    made_by,
    need_training,
    say,
)
from qrmiddleware_rl_qr.commands.options import (
    PACKAGE,
    ConcurrencyOption,
    FolderArgument,
    KeyOption,
    MostWordsOption,
    PaceOption,
    RewriteTokensOption,
    engine_of,
    limits_of,
    llm_of,
)

if TYPE_CHECKING:
    from qrmiddleware_rl_qr.recipes.searching import Relevance
    from qrmiddleware_rl_qr.recipes.versions import Version


class AlgorithmChoice(StrEnum):
    """How rewards are learnt from."""

    DPO = "dpo"
    GRPO = "grpo"


class JudgeChoice(StrEnum):
    """Who gives feedback."""

    RULE = "rule"
    NONE = "none"
    LOCAL = "local"
    ENDPOINT = "endpoint"


def online(
    work: FolderArgument,
    log: Annotated[
        Path, typer.Option(help="Queries that were searched for, one a line, oldest first.")
    ],
    url: Annotated[str, typer.Option(help="Engine that holds the catalogue, or a proxy.")],
    index: Annotated[str, typer.Option(help="Index that holds the catalogue.")],
    relevance: Annotated[
        Path,
        typer.Option(
            help="Who knows what is relevant: folder of a student, or of judgments as `qrm eval` "
            "reads them."
        ),
    ],
    guard: Annotated[
        Path | None,
        typer.Option(help="Queries that are never learnt from, one a line; else the pairs' own."),
    ] = None,
    guard_queries: Annotated[int, typer.Option(min=1, help="Of these at most.")] = 100,
    rounds: Annotated[int, typer.Option(min=1, help="To learn for, beyond those done.")] = 1,
    distilled: Annotated[
        Path | None, typer.Option(help="Checkpoint to begin with; else WORK/distilled.")
    ] = None,
    search_fields: Annotated[str, typer.Option(help="Fields with boosts: title^2,brand.")] = (
        "title"
    ),
    body: Annotated[
        Path | None, typer.Option(help="Search body with {{query}} in it, instead of fields.")
    ] = None,
    title_field: Annotated[str, typer.Option(help="What judges read of a hit.")] = "title",
    depth: Annotated[int, typer.Option(min=1, help="Hits of a search that count.")] = 20,
    engine_key_env: Annotated[
        str, typer.Option(help="Environment variable with the engine's API key.")
    ] = "",
    judge: Annotated[
        JudgeChoice,
        typer.Option(help="Who looks at what is shown: a rule, a language model, or nobody."),
    ] = JudgeChoice.RULE,
    judge_model: Annotated[
        str, typer.Option(help="Its checkpoint, or its name at the endpoint.")
    ] = "",
    judge_endpoint: Annotated[str, typer.Option(help="URL of its API.")] = "",
    judge_prompt: Annotated[Path | None, typer.Option(help="A rubric of your own.")] = None,
    judge_limit: Annotated[
        int, typer.Option(min=0, help="Questions to the judge at most; 0 for no bound.")
    ] = 0,
    api_key_env: KeyOption = "",
    concurrency: ConcurrencyOption = 4,
    requests_per_minute: PaceOption = 0.0,
    reached: Annotated[
        Path | None,
        typer.Option(help="What users got elsewhere, for the hit rate; as `qrm eval` reads it."),
    ] = None,
    weigh_relevance: Annotated[float, typer.Option(min=0, help="Weight in the reward.")] = 1.0,
    weigh_increment: Annotated[float, typer.Option(min=0, help="Likewise.")] = 1.0,
    weigh_diversity: Annotated[float, typer.Option(min=0, help="Likewise.")] = 0.25,
    weigh_feedback: Annotated[float, typer.Option(min=0, help="Likewise.")] = 1.0,
    weigh_hit_rate: Annotated[float, typer.Option(min=0, help="Likewise.")] = 0.0,
    most_words: MostWordsOption = 12,
    least_relevance: Annotated[
        float, typer.Option(min=0, max=1, help="Of what a rewrite finds, or it is worth nothing.")
    ] = 0.1,
    algorithm: Annotated[
        AlgorithmChoice, typer.Option(help="How rewards are learnt from.")
    ] = AlgorithmChoice.DPO,
    queries: Annotated[int, typer.Option(min=1, help="Searched for in a round.")] = 64,
    fresh: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the log's newest among them.")
    ] = 0.5,
    samples: Annotated[int, typer.Option(min=2, help="Rewrites drawn of each.")] = 6,
    temperature: Annotated[float, typer.Option(min=0.01, help="At which they are drawn.")] = 1.0,
    rewrite_tokens: RewriteTokensOption = 16,
    margin: Annotated[
        float, typer.Option(min=0, max=1, help="Of reward, between a rewrite and a worse one.")
    ] = 0.05,
    beta: Annotated[float, typer.Option(min=0, help="Of DPO; small ones go far.")] = 0.1,
    anchor: Annotated[
        float, typer.Option(min=0, help="Of DPO: weight of learning better rewrites as such.")
    ] = 0.1,
    reference_free: Annotated[
        bool, typer.Option("--reference-free", help="Of DPO: the distilled start holds nothing.")
    ] = False,
    leash: Annotated[
        float, typer.Option(min=0, help="Of GRPO: weight of staying near the distilled start.")
    ] = 0.04,
    clip: Annotated[
        float, typer.Option(min=0.01, help="Of GRPO: how far a token's probability may go.")
    ] = 0.2,
    tolerance: Annotated[
        float, typer.Option(min=0, help="By how much a version may be worse on the guard.")
    ] = 0.01,
    steps: StepsOption = 50,
    rate: RateOption = 1e-5,
    rows: RowsOption = 16,
    at_once: AtOnceOption = 16,
    max_tokens: RowTokensOption = 128,
    seed: SeedOption = 0,
) -> None:
    """Go on learning: draw rewrites of logged queries, search, and prefer what is worth more.

    Each round makes a version: a student in WORK/versions, and a line of what it is worth in
    WORK/versions/versions.jsonl. A version that is worse on the guard's queries is refused, and the
    next round begins with the one before. The log is read anew before each round. A round that is
    interrupted goes on with what it drew, searched and learnt.

    Examples:

        qrm rl-qr online ./work --log queries.txt --url http://localhost:9200 --index products
        --relevance ./models/walmart_kd --rounds 10

        qrm rl-qr online ./work --log queries.txt --url http://localhost:9200 --index products
        --relevance ./judged --algorithm grpo --judge endpoint --judge-model qwen3-8b
        --judge-endpoint http://localhost:8000/v1 --judge-limit 5000
    """
    need_training(PACKAGE)
    from qrmiddleware.distill.causal.generation import Decoding
    from qrmiddleware.distill.causal.models import load_causal
    from qrmiddleware.recipes.causal import CausalFitting
    from qrmiddleware_rl_qr.recipes.distilling import DISTILLED
    from qrmiddleware_rl_qr.recipes.judges import (
        EndpointJudge,
        FeedbackJudge,
        LocalJudge,
        RelevanceJudge,
        ThriftyJudge,
    )
    from qrmiddleware_rl_qr.recipes.online import World, learn_online, read_queries
    from qrmiddleware_rl_qr.recipes.policy import Pull
    from qrmiddleware_rl_qr.recipes.prompts import FEEDBACK, load_prompt
    from qrmiddleware_rl_qr.recipes.rewards import Rewarder, Weights
    from qrmiddleware_rl_qr.recipes.searching import engine_search
    from qrmiddleware_rl_qr.recipes.updating import OnlinePlan

    plan = OnlinePlan(
        CausalFitting(steps, rate, rows, at_once, max_tokens, seed),
        distilled or made_by("qrm rl-qr distill", work / DISTILLED, "--distilled"),
        queries,
        fresh,
        Decoding(rewrite_tokens, temperature, samples, seed),
        algorithm.value,
        beta,
        anchor,
        reference_free,
        Pull(clip, leash),
        margin,
        tolerance,
    )
    weights = Weights(
        weigh_relevance, weigh_increment, weigh_diversity, weigh_feedback, weigh_hit_rate
    )
    engine = engine_of(
        url,
        index,
        search_fields=search_fields,
        body=body,
        title_field=title_field,
        depth=depth,
        api_key_env=engine_key_env,
    )
    with ExitStack() as stack:
        known = stack.enter_context(_relevance(relevance))
        who: FeedbackJudge | None = None
        if judge is JudgeChoice.ENDPOINT:
            who = EndpointJudge(
                llm_of(
                    judge_endpoint,
                    judge_model,
                    prompt=FEEDBACK,
                    own_prompt=judge_prompt,
                    api_key_env=api_key_env,
                    concurrency=concurrency,
                    requests_per_minute=requests_per_minute,
                )
            )
        elif judge is JudgeChoice.LOCAL:
            prompt = load_prompt(FEEDBACK, judge_prompt)
            who = LocalJudge(load_causal(judge_model), prompt, Path(judge_model).name)
        elif judge is JudgeChoice.RULE:
            who = RelevanceJudge(known, relevance.name)
        rewarder = Rewarder(
            stack.enter_context(engine_search(engine)),
            known,
            weights,
            limits_of(most_words, least_relevance),
            who and ThriftyJudge(who, work / "online" / "opinions.jsonl", judge_limit),
            elsewhere=_elsewhere(reached, relevance) if reached else {},
        )
        world = World(partial(read_queries, log), _guard(work, guard, guard_queries), rewarder)
        learn_online(work, plan, world, rounds=rounds, tell=_say)


@contextmanager
def _relevance(path: Path) -> Iterator["Relevance"]:
    """Open who knows what is relevant: a student's folder, or judgments."""
    from qrmiddleware.distill.splits import normalised_query
    from qrmiddleware.evaluation.formats.registry import load_judged
    from qrmiddleware.students.manifest import MANIFEST_FILE
    from qrmiddleware.students.opening import open_student
    from qrmiddleware_rl_qr.recipes.searching import JudgedRelevance, StudentRelevance

    if (path / MANIFEST_FILE).is_file():
        with closing(open_student(path)) as student:
            yield StudentRelevance(student)
        return
    judged = load_judged(path)
    yield JudgedRelevance(
        {normalised_query(each.text): judged.relevant[each.query_id] for each in judged.queries}
    )


def _elsewhere(reached: Path, judged: Path) -> Mapping[str, AbstractSet[str]]:
    """Read what users got elsewhere, by query; its ids are those of the judgments."""
    from qrmiddleware.distill.splits import normalised_query
    from qrmiddleware.evaluation.formats.reached import read_reached
    from qrmiddleware.evaluation.formats.registry import load_judged
    from qrmiddleware.students.manifest import MANIFEST_FILE

    if (judged / MANIFEST_FILE).is_file():
        message = "--reached needs the queries of judgments for its ids: name these (--relevance)"
        raise ConfigError(message)
    found = read_reached(reached)
    queries = load_judged(judged).queries
    return {
        normalised_query(each.text): found[each.query_id]
        for each in queries
        if each.query_id in found
    }


def _guard(work: Path, file: Path | None, most: int) -> Sequence[str]:
    """Return the queries of the guard: of a file, or those of pairs that were held out."""
    from qrmiddleware.distill.rewriting.query_pairs import VALID
    from qrmiddleware_rl_qr.recipes import pairs as gathered
    from qrmiddleware_rl_qr.recipes.online import read_queries

    if file is not None:
        return read_queries(file)[:most]
    held = gathered.of_split(gathered.read_pairs(work / gathered.PAIRS), VALID)
    return list(dict.fromkeys(pair.query for pair in held))[:most]


def _say(version: "Version") -> None:
    worth = "unknown" if version.guard is None else f"{version.guard:.3f}"
    drawn = "" if version.reward is None else f"; rewrites that were drawn: {version.reward:.3f}"
    verdict = "chosen" if version.chosen else f"refused: {version.reason}"
    dropped = ", ".join(f"{count:,} {reason}" for reason, count in sorted(version.dropped.items()))
    say(
        f"version {version.name}: {worth} on the guard's queries{drawn}; "
        f"learnt from {version.pairs:,}; left out: {dropped or 'none'}; {verdict}"
    )
