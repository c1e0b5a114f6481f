"""The relevance model: which words the first hits of a query have in common."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_WORD: Final = re.compile(r"\w+")
_SHORTEST: Final = 2
_LONGEST: Final = 24


@dataclass(frozen=True, slots=True)
class Document:
    """A hit that is taken for relevant.

    Attributes:
        words: Of its text, in order, repeated where they are.
        score: The engine's; not negative.
    """

    words: tuple[str, ...]
    score: float


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a text, case-folded."""
    return tuple(_WORD.findall(text.casefold()))


def is_candidate(word: str) -> bool:
    """Whether a word may widen a query: neither a number nor a letter, nor an article number."""
    return _SHORTEST <= len(word) <= _LONGEST and word.isalpha()


def relevance_model(documents: Sequence[Document]) -> dict[str, float]:
    """Estimate how likely a word is in what is relevant (RM1).

    A document's words are as likely as they are frequent in it, without smoothing; a document
    counts by its share of the scores, or as any other where no score is above 0.

    Returns:
        Probabilities by word; they sum to 1, unless no document has words.

    Source: Lavrenko & Croft 2001, Relevance-based language models, with the engine's scores in
    place of query likelihoods.
    """
    read = [document for document in documents if document.words]
    total = sum(document.score for document in read)
    model: defaultdict[str, float] = defaultdict(float)
    for document in read:
        share = document.score / total if total > 0 else 1 / len(read)
        for word, count in Counter(document.words).items():
            model[word] += share * count / len(document.words)
    return dict(model)


def most_likely(model: Mapping[str, float], words: Iterable[str], count: int) -> dict[str, float]:
    """Return the likeliest of some words, likeliest first, with probabilities that sum to 1."""
    kept = sorted(words, key=lambda word: (-model[word], word))[:count]
    total = sum(model[word] for word in kept)
    return {word: model[word] / total for word in kept}


def interpolated(
    query: Sequence[str], feedback: Mapping[str, float], *, original_query_weight: float
) -> dict[str, float]:
    """Mix the query's words with those of the feedback (RM3).

    Args:
        query: The query's words.
        feedback: Probabilities of words, which sum to 1.
        original_query_weight: From 0, feedback alone, to 1, query alone.

    Returns:
        Probabilities by word, likeliest first.

    Source: Abdul-Jaleel et al. 2004, UMass at TREC 2004: Novelty and HARD.
    """
    mixed: defaultdict[str, float] = defaultdict(float)
    for word in query:
        mixed[word] += original_query_weight / len(query)
    for word, probability in feedback.items():
        mixed[word] += (1 - original_query_weight) * probability
    return dict(sorted(mixed.items(), key=lambda item: (-item[1], item[0])))
