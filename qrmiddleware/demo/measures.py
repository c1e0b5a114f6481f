"""nDCG of one ranking against the demo's judgments."""

import math
from collections.abc import Iterable, Mapping, Sequence

CUTOFF = 10


def ndcg(doc_ids: Sequence[str], grades: Mapping[str, int], *, cutoff: int = CUTOFF) -> float:
    """Normalised discounted cumulative gain with gain 2^grade - 1 and log2 discount.

    Args:
        doc_ids: The ranking, best first.
        grades: By doc_id; what is missing is 0.
        cutoff: How many hits count.

    Returns:
        From 0 to 1; 1 if no ranking could be better. 0 if nothing is relevant.

    Source: Burges et al. 2005, Learning to rank using gradient descent.
    """
    ideal = _dcg(sorted(grades.values(), reverse=True)[:cutoff])
    found = _dcg(grades.get(doc_id, 0) for doc_id in doc_ids[:cutoff])
    return found / ideal if ideal else 0.0


def _dcg(relevances: Iterable[int]) -> float:
    return sum((2.0**grade - 1) / math.log2(rank + 1) for rank, grade in enumerate(relevances, 1))
