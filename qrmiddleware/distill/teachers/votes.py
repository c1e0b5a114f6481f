"""Several chains of one model on one pair vote: self-consistency.

Source: Wang et al. 2023, arXiv:2203.11171; that ELLM-rele's reasons are annotated so is a caption
of its figure. Which chain is kept is our reading.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from qrmiddleware.distill.chains import Chain, Verdict
from qrmiddleware.distill.classes import Classes


@dataclass(frozen=True, slots=True)
class Elected:
    """What a vote comes to.

    Attributes:
        chain: Of the winning class, the one nearest to what most chains find.
        shares: Of the votes, by code of all classes.
    """

    chain: Chain
    shares: Mapping[str, float]

    @property
    def agreement(self) -> float:
        """The winner's share of the votes."""
        return self.shares[self.chain.conclusion]


def elect(chains: Sequence[Chain], classes: Classes) -> Elected:
    """Let chains vote with their conclusions.

    The class with most votes wins, the better one of two that have as many; their shares tell of
    the doubt. Of its chains that one stands for all whose verdicts are most often those that most
    chains (of any class) have of an aspect; the first of several.

    Raises:
        ValueError: If there is no chain.
    """
    if not chains:
        message = "no chain has a vote"
        raise ValueError(message)
    votes = Counter(chain.conclusion for chain in chains)
    winner = max(classes.codes, key=lambda code: votes[code])
    shares = {code: votes[code] / len(chains) for code in classes.codes}
    return Elected(nearest([c for c in chains if c.conclusion == winner], chains), shares)


def nearest(candidates: Sequence[Chain], chains: Sequence[Chain]) -> Chain:
    """Return the candidate that has most verdicts in common with the majority of all chains.

    Where two verdicts are as frequent, either counts. The first of several is returned.
    """
    usual = _usual(chains)
    return max(candidates, key=lambda chain: _in_common(chain, usual))


def _usual(chains: Sequence[Chain]) -> Mapping[str, frozenset[Verdict]]:
    counts: dict[str, Counter[Verdict]] = {}
    for chain in chains:
        for step in chain.steps:
            counts.setdefault(step.aspect, Counter())[step.verdict] += 1
    return {
        aspect: frozenset(
            verdict for verdict, count in found.items() if count == max(found.values())
        )
        for aspect, found in counts.items()
    }


def _in_common(chain: Chain, usual: Mapping[str, frozenset[Verdict]]) -> int:
    return sum(step.verdict in usual[step.aspect] for step in chain.steps)
