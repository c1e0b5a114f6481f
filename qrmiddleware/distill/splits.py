"""Keeps the queries that students are evaluated on out of what they are trained on."""

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from qrmiddleware.errors import ConfigError

_NAMED = 10  # leaked queries that an error names


@dataclass(frozen=True, slots=True)
class FoldedQuery:
    """A judged query and the fold that it is evaluated in."""

    query_id: str
    query: str
    fold: int


@dataclass(frozen=True, slots=True)
class Split:
    """Judged queries by what they may be used for.

    Attributes:
        seen_folds: Folds of the training queries, for the student's provenance.
    """

    training: tuple[FoldedQuery, ...]
    held_out: tuple[FoldedQuery, ...]
    seen_folds: tuple[int, ...]


def hold_out(judged: Sequence[FoldedQuery], folds: Collection[int]) -> Split:
    """Hold out the queries of some folds.

    Raises:
        ConfigError: If a fold has no queries, or none are left to train on.
    """
    known = {query.fold for query in judged}
    unknown = sorted(set(folds) - known)
    if unknown:
        message = f"no judged query is in fold {unknown[0]}; there are folds {sorted(known)}"
        raise ConfigError(message)
    if known <= set(folds):
        message = f"holding out folds {sorted(folds)} leaves no judged query to train on"
        raise ConfigError(message)
    training = tuple(query for query in judged if query.fold not in folds)
    held_out = tuple(query for query in judged if query.fold in folds)
    return Split(training, held_out, tuple(sorted(known - set(folds))))


def refuse_leaks(
    training_queries: Iterable[str], held_out_queries: Iterable[str], *, stems: bool = False
) -> None:
    """Refuse to train on a query that is evaluated on.

    Args:
        training_queries: As they are about to be trained on, repeats allowed.
        held_out_queries: All queries of the held-out folds.
        stems: Singular and plural count as the same query, in English.

    Raises:
        ConfigError: If a training query is a held-out one but for case, accents written
            differently, punctuation and blanks; names the first ten.
    """
    key = query_key(stems=stems)
    held_out = {key(query) for query in held_out_queries}
    leaked = sorted({query for query in training_queries if key(query) in held_out})
    if leaked:
        named = ", ".join(repr(query) for query in leaked[:_NAMED])
        more = f" and {len(leaked) - _NAMED} more" if len(leaked) > _NAMED else ""
        message = (
            f"{len(leaked)} training queries are in a held-out fold: {named}{more}; drop them from"
            " the training set, or hold out another fold"
        )
        raise ConfigError(message)


def query_key(*, stems: bool = False) -> Callable[[str], str]:
    """Return the function that maps queries which count as the same to one string."""
    return stemmed_query if stems else normalised_query


def normalised_query(query: str) -> str:
    """Fold case and compatibility forms; punctuation and blanks become single blanks.

    A query of nothing but punctuation keeps it, so that ``"?"`` and ``"!"`` stay two queries.
    """
    folded = unicodedata.normalize("NFKC", query).casefold()
    words = re.findall(r"\w+", folded)
    return " ".join(words) if words else " ".join(folded.split())


def stemmed_query(query: str) -> str:
    """Normalise, and take the plural off every word.

    Source: Harman 1991, "How effective is suffixing?", the S stemmer, for English; ours leaves
    words of up to three letters and words with a digit as they are, and takes "watches" to "watch".
    """
    return " ".join(_singular(word) for word in normalised_query(query).split())


_SHORT = 3


def _singular(word: str) -> str:
    if len(word) <= _SHORT or not word.isalpha():
        return word
    if word.endswith("ies") and not word.endswith(("eies", "aies")):
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "sses", "xes")):
        return word[:-2]
    if word.endswith("es") and not word.endswith(("aes", "ees", "oes")):
        return word[:-1]
    return word[:-1] if word.endswith("s") and not word.endswith(("us", "ss")) else word
