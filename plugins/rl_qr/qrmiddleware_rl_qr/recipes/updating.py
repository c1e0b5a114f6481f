"""What a round learns from rewards: by the best and worst rewrite of a query, or by all."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias

from qrmiddleware.distill.causal.generation import Decoding, Response
from qrmiddleware.distill.causal.models import CausalLm, load_causal
from qrmiddleware.distill.causal.rows import TokenRow
from qrmiddleware.recipes.causal import CausalFitting, Preferred, learn_preferences
from qrmiddleware_rl_qr.recipes.policy import Drawn, Pull, learn_policy
from qrmiddleware_rl_qr.recipes.rewards import Rewarded, RewardedQuery

DECODING: Final = Decoding(16, temperature=1.0, samples=6)
_EQUAL: Final = 1e-9

Algorithm: TypeAlias = Literal["dpo", "grpo"]
_Ids: TypeAlias = Mapping[tuple[str, str], tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class OnlinePlan:
    """How a student goes on learning.

    Attributes:
        fitting: How it learns in one round.
        distilled: Checkpoint that it begins as, and that holds it back.
        queries: Searched for in a round.
        fresh: Share of these that are the log's newest; the others are drawn from all of it, so
            that what was learnt from old searches is not forgotten.
        decoding: How rewrites are drawn.
        algorithm: ``dpo`` learns from the best and the worst rewrite of a query, ``grpo`` from all.
        beta: Of DPO.
        anchor: Of DPO: weight of better rewrites' cross-entropy beside it.
        reference_free: Of DPO: nothing but ``anchor`` holds the student back.
        pull: Of GRPO.
        margin: Of reward, between a rewrite and a worse one.
        tolerance: By how much a version's reward on the guard's queries may be below that of the
            version before.
    """

    fitting: CausalFitting
    distilled: Path
    queries: int = 64
    fresh: float = 0.5
    decoding: Decoding = DECODING
    algorithm: Algorithm = "dpo"
    beta: float = 0.1
    anchor: float = 0.1
    reference_free: bool = False
    pull: Pull = field(default_factory=Pull)
    margin: float = 0.05
    tolerance: float = 0.01


@dataclass(frozen=True, slots=True)
class Written:
    """What a student wrote in a round.

    Attributes:
        prompts: Of each query, as it reads it.
        responses: Of each query.
    """

    prompts: Mapping[str, tuple[int, ...]]
    responses: Mapping[str, Sequence[Response]]


def preferences_of(rewarded: RewardedQuery, *, margin: float) -> tuple[Rewarded, Rewarded] | None:
    """Return the best rewrite of a query and the worst one, if they differ enough.

    What a guard refused is never the better one.
    """
    known = [one for one in rewarded.rewrites if one.reward is not None]
    if not known:
        return None
    order = sorted(known, key=lambda one: (-(one.reward or 0.0), one.rewrite))
    best, worst = order[0], order[-1]
    if best.refused or (best.reward or 0.0) - (worst.reward or 0.0) < max(margin, _EQUAL):
        return None
    return best, worst


def texts_of(responses: Sequence[Response]) -> tuple[str, ...]:
    """Return what came to its end, each text once."""
    lines = (_line(said.text) for said in responses if said.ended)
    return tuple(dict.fromkeys(lines))


def update(
    lm: CausalLm,
    written: Written,
    rewarded: Sequence[RewardedQuery],
    plan: OnlinePlan,
    *,
    checkpoints: Path,
) -> int:
    """Teach a student by the rewards of what it wrote, in place.

    Goes on from the newest checkpoint, if there is one.

    Args:
        lm: Wrote, and learns; as it was loaded.
        written: What it wrote.
        rewarded: What that is worth.
        plan: How.
        checkpoints: Folder of this training alone; its content is replaced as it goes.

    Returns:
        How many preferences, or responses, it learnt from; 0 where all are alike.

    Raises:
        ConfigError: If the checkpoint there is of another training.
        FloatingPointError: If the loss is no number any more.
    """
    reference = None if plan.reference_free else load_causal(str(plan.distilled))
    if plan.algorithm == "grpo":
        groups = list(_groups(written, rewarded, plan.margin))
        if not groups:
            return 0
        return learn_policy(
            lm,
            groups,
            reference or load_causal(str(plan.distilled)),
            fitting=plan.fitting,
            pull=plan.pull,
            checkpoints=checkpoints,
        )
    ids = _as_drawn(written.responses)
    pairs = [
        Preferred(*(_row(written, ids, each.query, one.rewrite) for one in told))
        for each in rewarded
        if (told := preferences_of(each, margin=plan.margin))
    ]
    if not pairs:
        return 0
    left_out = learn_preferences(
        lm,
        pairs,
        fitting=plan.fitting,
        beta=plan.beta,
        anchor=plan.anchor,
        reference=reference,
        reference_free=plan.reference_free,
        checkpoints=checkpoints,
        what="learning from rewards",
    )
    return len(pairs) - left_out


def _as_drawn(responses: Mapping[str, Sequence[Response]]) -> _Ids:
    """Return the tokens that were drawn: the same text may be split otherwise."""
    return {
        (query, _line(said.text)): said.ids
        for query, group in responses.items()
        for said in reversed(group)
        if said.ended
    }


def _row(written: Written, ids: _Ids, query: str, rewrite: str) -> TokenRow:
    prompt = written.prompts[query]
    return TokenRow((*prompt, *ids[query, rewrite]), len(prompt))


def _groups(
    written: Written, rewarded: Sequence[RewardedQuery], margin: float
) -> Iterator[list[Drawn]]:
    """Yield all draws of a query with their rewards; what was cut off is worth nothing."""
    for each in rewarded:
        worth = {one.rewrite: one.reward for one in each.rewrites}
        prompt = written.prompts[each.query]
        group = []
        for said in written.responses[each.query]:
            reward = worth.get(_line(said.text)) if said.ended else 0.0
            if reward is not None:
                group.append(Drawn(TokenRow((*prompt, *said.ids), len(prompt)), reward))
        told = [one.reward for one in group]
        if told and max(told) - min(told) >= max(margin, _EQUAL):
            yield group


def _line(text: str) -> str:
    return " ".join(text.split())
