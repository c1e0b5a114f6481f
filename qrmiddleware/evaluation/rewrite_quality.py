"""How near written rewrites are to those of people, and how much they differ from each other."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean

from qrmiddleware.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Nearness:
    """Of predictions to references, 0..1 each; the mean over queries.

    A query has the best of its references, as people reword one need in several ways.

    Attributes:
        queries: How many there are.
        exact_match: Share that equal a reference in words.
        token_f1: Harmonic mean of precision and recall of words, whatever their order.
        rouge_l: The same of the longest common subsequence of words.
        echoes: Share that only repeat the query.
    """

    queries: int
    exact_match: float
    token_f1: float
    rouge_l: float
    echoes: float


def nearness(predictions: Mapping[str, str], references: Mapping[str, Sequence[str]]) -> Nearness:
    """Compare the rewrites of queries with what people wrote.

    Args:
        predictions: By query; a query without one counts 0 everywhere.
        references: By query, at least one each.

    Raises:
        ConfigError: If there are no references.
    """
    if not references:
        message = "there are no references to compare with"
        raise ConfigError(message)
    rows = []
    for query, wanted in references.items():
        told = words_of(predictions.get(query, ""))
        each = [words_of(reference) for reference in wanted]
        rows.append(
            (
                float(told in each),
                max(token_f1(told, one) for one in each),
                max(rouge_l(told, one) for one in each),
                float(bool(told) and told == words_of(query)),
            )
        )
    exact, tokens, longest, echoes = map(fmean, zip(*rows, strict=True))
    return Nearness(len(rows), exact, tokens, longest, echoes)


def words_of(text: str) -> list[str]:
    """Return the words of a text, folded as search engines fold them."""
    return text.casefold().split()


def token_f1(told: Sequence[str], wanted: Sequence[str]) -> float:
    """Return the harmonic mean of precision and recall of words; each counts once.

    Source: Rajpurkar et al. 2016, arXiv:1606.05250 (SQuAD).
    """
    return _harmonic((Counter(told) & Counter(wanted)).total(), len(told), len(wanted))


def rouge_l(told: Sequence[str], wanted: Sequence[str]) -> float:
    """Return the harmonic mean of precision and recall of the longest common subsequence.

    Source: Lin 2004, ROUGE: a package for automatic evaluation of summaries; with beta 1.
    """
    row = [0] * (len(wanted) + 1)
    for word in told:
        before = 0
        for place, other in enumerate(wanted, start=1):
            longest = before + 1 if word == other else max(row[place], row[place - 1])
            before, row[place] = row[place], longest
    return _harmonic(row[-1], len(told), len(wanted))


def distinct_n(texts: Iterable[str], *, n: int) -> float:
    """Return the share of runs of ``n`` words that are different ones; 0 where there is none.

    Source: Li et al. 2016, arXiv:1510.03055 (distinct-1 and distinct-2).
    """
    runs = [
        tuple(words[start : start + n])
        for words in map(words_of, texts)
        for start in range(len(words) - n + 1)
    ]
    return len(set(runs)) / len(runs) if runs else 0.0


def mean_overlap(found: Sequence[AbstractSet[str]]) -> float | None:
    """Return the mean share that two result sets have in common (Jaccard), over all pairs.

    ``None`` if there are not two; two empty ones have nothing in common.
    """
    shares = [
        len(one & other) / len(one | other) if one | other else 0.0
        for one, other in combinations(found, 2)
    ]
    return fmean(shares) if shares else None


def product_coverage(found: Iterable[AbstractSet[str]], relevant: AbstractSet[str]) -> int:
    """Count the relevant products that some rewrite of a query finds."""
    return len(frozenset().union(*found) & relevant)


def _harmonic(shared: int, told: int, wanted: int) -> float:
    return 2 * shared / (told + wanted) if told + wanted else 0.0
