"""What a chain of reasons is worth, in several respects.

Source: that the teacher's preferences come of a reward in several dimensions, for reasons that
can be relied on, is CRSD's, arXiv:2510.11056 (abstract); which dimensions, and how they are
measured, is our reading.
"""

import math
from dataclasses import astuple, dataclass
from operator import mul
from typing import Final

from qrmiddleware.distill.causal.generation import Response
from qrmiddleware.distill.chains import Chain, ChainError
from qrmiddleware.distill.classes import Classes
from qrmiddleware.distill.faithfulness import faithfulness
from qrmiddleware.distill.labels import Label, Pair

SHORT: Final = 40
"""Words of a chain that cost nothing; twice as many are worth nothing."""


@dataclass(frozen=True, slots=True)
class Rewards:
    """Of one chain, 0..1 each; or what each of them weighs.

    Attributes:
        correct: The trusted label's probability of the class that it concludes.
        faithful: How much of its notes stands in the query or the product's text.
        formed: 1 where it can be read strictly, and came to its end.
        brief: 1 up to ``SHORT`` words, falling to 0 at twice as many.
    """

    correct: float
    faithful: float
    formed: float
    brief: float

    def total(self, weights: "Rewards") -> float:
        """Return the mean by weights, 0..1.

        Raises:
            ValueError: If all of them are 0.
        """
        weighed: tuple[float, ...] = astuple(weights)
        whole = sum(weighed)
        if whole <= 0:
            message = "rewards: at least one has to weigh more than 0"
            raise ValueError(message)
        values: tuple[float, ...] = astuple(self)
        return math.fsum(map(mul, weighed, values)) / whole


WEIGHTS: Final = Rewards(correct=1.0, faithful=0.5, formed=0.5, brief=0.1)


def rewards_of(response: Response, pair: Pair, label: Label, classes: Classes) -> Rewards:
    """Measure a response to the question about a pair.

    What is no chain is neither correct nor faithful: nobody could tell.

    Args:
        response: Of the model.
        pair: That it was asked about.
        label: Whose class, or probabilities of classes, are trusted.
        classes: Which there are.

    Raises:
        ValueError: If the label has no class among these.
    """
    brief = min(1.0, max(0.0, 2.0 - len(response.text.split()) / SHORT))
    try:
        chain = Chain.read(response.text, classes) if response.ended else None
    except ChainError:
        chain = None
    if chain is None:
        return Rewards(0.0, 0.0, 0.0, brief)
    shares = dict(zip(classes.codes, label.shares(classes.codes), strict=True))
    return Rewards(shares[chain.conclusion], faithfulness(chain, pair.query, pair.text), 1.0, brief)
