"""Online learning, round by round: write rewrites, search for them, prefer what is worth more.

Source: MiniELM, arXiv:2501.18056, learns online from simulated feedback; as others tell, by DPO on
pairs of the student's own rewrites. Frozen reference, replay, guard and versions are our reading.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from shutil import rmtree
from typing import Final

import msgspec

from qrmiddleware.distill.causal.generation import Decoding, respond
from qrmiddleware.distill.causal.models import CausalLm, load_causal
from qrmiddleware.distill.chance import dice, sampled
from qrmiddleware.distill.rewriting.rewrite_form import RewriteReader, write_rewrite_form
from qrmiddleware.distill.rewriting.rows import RewritePair
from qrmiddleware.distill.splits import normalised_query
from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes.causal import own_device, save_whole
from qrmiddleware.recipes.draws import Asked, draw
from qrmiddleware_rl_qr.recipes.distilling import identity
from qrmiddleware_rl_qr.recipes.exporting import export_rewriter, form_of
from qrmiddleware_rl_qr.recipes.on_policy import BUDGET
from qrmiddleware_rl_qr.recipes.rewards import (
    Proposed,
    RewardedQuery,
    Rewarder,
    mean_components,
    mean_reward,
)
from qrmiddleware_rl_qr.recipes.updating import OnlinePlan, Written, texts_of, update
from qrmiddleware_rl_qr.recipes.versions import (
    Version,
    newest_chosen,
    read_versions,
    student_folder,
    write_versions,
)

ONLINE: Final = "online"
REWARDS: Final = "rewards.jsonl"
DRAWS: Final = "draws.jsonl"
CHECKPOINT: Final = "checkpoint"
CHECKPOINTS: Final = "checkpoints"


@dataclass(frozen=True, slots=True)
class World:
    """What a student learns from.

    Attributes:
        log: Returns the queries that were searched for, oldest first, as of now.
        guard: Queries that are never learnt from, and that each version is measured on.
        rewarder: Says what rewrites are worth.
    """

    log: Callable[[], Sequence[str]]
    guard: Sequence[str]
    rewarder: Rewarder


class _Searched(msgspec.Struct, frozen=True):
    """The file of a round's rewards: what a killed round goes on with."""

    rewarded: list[RewardedQuery]
    dropped: dict[str, int]


def learn_online(
    work: Path,
    plan: OnlinePlan,
    world: World,
    *,
    rounds: int,
    tell: Callable[[Version], object] = lambda _: None,
) -> list[Version]:
    """Learn for some rounds more, or finish one that was killed.

    Args:
        work: Folder of the training.
        plan: How.
        world: What from.
        rounds: To learn for, beyond those that are done.
        tell: Called with each version that was made.

    Returns:
        All versions of the folder.

    Raises:
        ConfigError: If the guard has no query, or a round no query to search for.
        UpstreamError: If no search is answered; the same call goes on later.
    """
    if not world.guard:
        message = "the guard has no queries: keep some aside that are never learnt from"
        raise ConfigError(message)
    versions = read_versions(work)
    if not versions:
        versions = [_first(work, plan, world)]
        write_versions(work, versions)
        tell(versions[0])
    for _ in range(rounds):
        versions = [*versions, _round(work, plan, world, versions)]
        write_versions(work, versions)
        rmtree(work / ONLINE / versions[-1].name / CHECKPOINTS, ignore_errors=True)
        tell(versions[-1])
    return versions


def greedy_rewrites(
    checkpoint: Path, queries: Sequence[str], *, most_tokens: int
) -> list[Proposed]:
    """Have a checkpoint write its likeliest rewrite of each query.

    What it does not come to an end with is none.
    """
    lm = load_causal(str(checkpoint))
    lm.model.to(own_device())
    reader = RewriteReader(lm, form_of(str(checkpoint)))
    prompts = {query: ids for query in queries if (ids := reader.prompt(query))}
    told = respond(lm, list(prompts.values()), Decoding(most_tokens), budget=BUDGET)
    rewrites = {query: texts_of(said) for query, said in zip(prompts, told, strict=True)}
    return [Proposed(query, rewrites.get(query, ())) for query in queries]


def queries_of_round(
    log: Sequence[str], guard: Sequence[str], plan: OnlinePlan, *, number: int
) -> list[str]:
    """Choose what a round searches for: the newest queries of the log, and a draw from all of it.

    Queries that count as one of the guard's are left out.

    Raises:
        ConfigError: If none is left.
    """
    kept_out = {normalised_query(query) for query in guard}
    newest: dict[str, str] = {}
    for query in reversed(log):
        key = normalised_query(query)
        if key and key not in kept_out:
            newest.setdefault(key, " ".join(query.split()))
    known = list(newest.values())
    if not known:
        message = f"a log of {len(log)} queries has none that the guard does not keep for itself"
        raise ConfigError(message)
    fresh = known[: round(plan.queries * plan.fresh)]
    rest = [query for query in known if query not in set(fresh)]
    chance = dice(plan.fitting.seed, "replay", number)
    return [*fresh, *sampled(rest, plan.queries - len(fresh), chance)]


def read_queries(file: Path) -> list[str]:
    """Read queries, one a line; repeats and order stay.

    Raises:
        ConfigError: If the file cannot be read, or holds no query.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        message = f"{file}: queries, one a line, cannot be read: {error}"
        raise ConfigError(message) from error
    found = [" ".join(line.split()) for line in lines if line.strip()]
    if not found:
        message = f"{file} holds no query: one a line is wanted"
        raise ConfigError(message)
    return found


def _first(work: Path, plan: OnlinePlan, world: World) -> Version:
    """Make the distilled student version 0, and measure it."""
    rewarded, dropped = _guarded(plan.distilled, plan, world)
    draft = Version(
        number=0,
        chosen=True,
        guard=mean_reward(rewarded),
        guard_components=mean_components(rewarded),
        dropped=dict(dropped),
    )
    stored = _export(plan.distilled, work, draft, rewarded, plan)
    return msgspec.structs.replace(draft, stored=stored)


def _round(work: Path, plan: OnlinePlan, world: World, versions: Sequence[Version]) -> Version:
    number = versions[-1].number + 1
    before = newest_chosen(versions)
    folder = work / ONLINE / f"{number:04d}"
    folder.mkdir(parents=True, exist_ok=True)
    policy = _checkpoint(work, plan, before.number)
    queries = _kept_queries(folder, plan, world, number)
    lm = load_causal(str(policy))
    written = _draw(lm, policy, folder, plan, queries)
    searched = _reward(folder, world, written)
    learnt = update(lm, written, searched.rewarded, plan, checkpoints=folder / CHECKPOINTS)
    target = folder / CHECKPOINT
    if learnt:
        save_whole(lm, target, lambda draft: write_rewrite_form(draft, form_of(str(policy))))
    version = Version(
        number=number,
        before=before.number,
        chosen=False,
        reward=mean_reward(searched.rewarded),
        components=mean_components(searched.rewarded),
        queries=len(queries),
        pairs=learnt,
        dropped=searched.dropped,
    )
    if not learnt:
        reason = f"of no query two rewrites differ by {plan.margin} in reward"
        return msgspec.structs.replace(version, reason=reason)
    return _judged(work, plan, world, version)


def _judged(work: Path, plan: OnlinePlan, world: World, version: Version) -> Version:
    """Measure a version beside the one before, on the same day, and choose or refuse it."""
    target, policy = (_checkpoint(work, plan, n) for n in (version.number, version.before))
    rewarded, _ = _guarded(target, plan, world)
    ours = mean_reward(rewarded)
    theirs = mean_reward(_guarded(policy, plan, world)[0])
    reason = ""
    if ours is None or theirs is None:
        reason = "the guard's queries could not be searched for"
    elif ours < theirs - plan.tolerance:
        reason = f"worth {ours:.3f} on the guard's queries, and the version before {theirs:.3f}"
    stored = _export(target, work, version, rewarded, plan)
    return msgspec.structs.replace(
        version,
        chosen=not reason,
        reason=reason,
        guard=ours,
        guard_before=theirs,
        guard_components=mean_components(rewarded),
        stored=stored,
    )


def _checkpoint(work: Path, plan: OnlinePlan, number: int) -> Path:
    """Return the checkpoint that a version's student was made of."""
    return work / ONLINE / f"{number:04d}" / CHECKPOINT if number else plan.distilled


def _kept_queries(folder: Path, plan: OnlinePlan, world: World, number: int) -> list[str]:
    """Return a round's queries; they stay the same while the log grows."""
    file = folder / "queries.json"
    if file.is_file():
        return msgspec.json.decode(file.read_bytes(), type=list[str])
    queries = queries_of_round(world.log(), world.guard, plan, number=number)
    file.write_bytes(msgspec.json.encode(queries))
    return queries


def _draw(
    lm: CausalLm, policy: Path, folder: Path, plan: OnlinePlan, queries: Sequence[str]
) -> Written:
    """Have a version rewrite queries; of those of which nothing can be read it has none."""
    lm.model.to(own_device())
    reader = RewriteReader(lm, form_of(str(policy)))
    prompts = {query: ids for query in queries if (ids := reader.prompt(query))}
    drawn = draw(
        lm,
        [Asked(query, ids) for query, ids in prompts.items()],
        replace(plan.decoding, seed=plan.fitting.seed * 1_000_003 + int(folder.name)),
        folder / DRAWS,
        by=identity(policy),
        budget=BUDGET,
    )
    return Written(prompts, dict(zip(prompts, drawn, strict=True)))


def _reward(folder: Path, world: World, written: Written) -> _Searched:
    """Reward what was drawn, once: a killed round goes on with what it knew."""
    file = folder / REWARDS
    if file.is_file():
        return msgspec.json.decode(file.read_bytes(), type=_Searched)
    proposed = [Proposed(query, texts_of(said)) for query, said in written.responses.items()]
    rewarded, dropped = world.rewarder.reward(proposed)
    searched = _Searched(rewarded, dict(dropped))
    draft = file.with_name(f"{file.name}.draft")
    draft.write_bytes(msgspec.json.encode(searched))
    draft.replace(file)
    return searched


def _guarded(
    checkpoint: Path, plan: OnlinePlan, world: World
) -> tuple[list[RewardedQuery], Counter[str]]:
    proposed = greedy_rewrites(checkpoint, world.guard, most_tokens=plan.decoding.most_tokens)
    return world.rewarder.reward(proposed)


def _export(
    checkpoint: Path,
    work: Path,
    version: Version,
    rewarded: Sequence[RewardedQuery],
    plan: OnlinePlan,
) -> str:
    """Write a version's student, in int8 if that writes the same; returns how it is stored.

    Where int8 writes too much otherwise, as it may of a very small network, it is float32: a round
    that was searched and learnt is not thrown away for it.

    Raises:
        ConfigError: If not even that is what its checkpoint is.
    """
    worth = mean_reward(rewarded)
    write = partial(
        export_rewriter,
        checkpoint,
        student_folder(work, version),
        pairs=[
            RewritePair(query=each.query, rewrite=one.rewrite)
            for each in rewarded
            for one in each.rewrites
        ],
        seed=plan.fitting.seed,
        settings={"algorithm": plan.algorithm, "version": version.number},
        quality={} if worth is None else {"reward": worth},
        replace=True,
    )
    try:
        return write().stored
    except ConfigError:
        return write(stored="float32").stored
