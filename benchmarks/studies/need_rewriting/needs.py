"""What rewrites of needs are worth by what people typed, and the words that people leave out."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

from qrmiddleware.distill.rewriting.row_files import read_rows
from qrmiddleware.distill.rewriting.rows import CandidateSet, Feedback, RewritePair, Valued
from qrmiddleware.evaluation.rewrite_quality import token_f1, words_of

T = TypeVar("T")
JUDGE: Final = "token F1 with what people typed"
SEEN: Final = 3
PIECES: Final = 3
WORDS: Final = (2, 6)
"""Of a piece, least and most."""
_SIGNS: Final = ",.;:!?\"'()"


def read_pairs(file: Path, split: str) -> list[RewritePair]:
    """Read the pairs of a split."""
    return [pair for pair in read_rows(file, RewritePair) if pair.split == split]


def typed_by_need(pairs: Iterable[RewritePair]) -> dict[str, list[str]]:
    """Return everything that was typed for each need."""
    found: dict[str, list[str]] = defaultdict(list)
    for pair in pairs:
        found[pair.query].append(pair.rewrite)
    return dict(found)


class WordRule:
    """Leaves out the words of a need that people mostly leave out; others stay, in their order.

    Args:
        pairs: To count words in; a word in fewer than `SEEN` of them stays.
    """

    def __init__(self, pairs: Iterable[RewritePair]) -> None:
        told: Counter[str] = Counter()
        kept: Counter[str] = Counter()
        for pair in pairs:
            words = set(_bare(pair.query))
            told.update(words)
            kept.update(words & set(_bare(pair.rewrite)))
        self._dropped = frozenset(
            word for word, count in told.items() if count >= SEEN and 2 * kept[word] < count
        )

    def rewrite(self, need: str) -> str:
        """Return what is left."""
        return " ".join(word for word in _bare(need) if word not in self._dropped)


def pieces(needs: Iterable[str], rule: WordRule) -> Iterator[RewritePair]:
    """Draw runs of words of needs, and what a rule leaves of each: short texts to copy."""
    draw = random.Random(0)  # noqa: S311 not a secret
    for need in needs:
        words = need.split()
        for _ in range(PIECES):
            length = draw.randint(*WORDS)
            begin = draw.randrange(max(1, len(words) - length + 1))
            piece = " ".join(words[begin : begin + length])
            if left := rule.rewrite(piece):
                yield RewritePair(query=piece, rewrite=left, source="rule", split="train")


def spread(every: Sequence[T], most: int) -> Sequence[T]:
    """Return some, evenly from first to last."""
    return every[:: max(1, len(every) // most)]


def feedback_of(
    proposed: Iterable[CandidateSet], typed: Mapping[str, Sequence[str]]
) -> Iterator[Feedback]:
    """Say what candidates are worth: as relevance, and as an increment over the need itself."""
    for each in proposed:
        wanted = [words_of(text) for text in typed[each.query]]
        before = _nearest(each.query, wanted)
        valued = []
        for candidate in each.candidates:
            worth = _nearest(candidate.text, wanted)
            valued.append(
                Valued(
                    text=candidate.text,
                    log_probability=candidate.log_probability,
                    relevance=worth,
                    increment=worth - before,
                )
            )
        yield Feedback(query=each.query, candidates=tuple(valued), by=JUDGE)


def _nearest(text: str, wanted: Sequence[Sequence[str]]) -> float:
    return max(token_f1(words_of(text), each) for each in wanted)


def _bare(text: str) -> list[str]:
    return [word for each in words_of(text) if (word := each.strip(_SIGNS))]
