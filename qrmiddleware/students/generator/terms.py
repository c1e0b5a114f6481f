"""Words that a rewrite may be made of, as paths of tokens."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from qrmiddleware.errors import ConfigError
from qrmiddleware.students.generator.texts import normalised

State = tuple[int, ...]
"""Nodes that a rewrite may stand at: more than one where terms are made of others."""

_FIRST: Final = 0
_LATER: Final = 1
_ANCHOR: Final = "a"


def read_terms(path: Path) -> tuple[str, ...]:
    """Read terms, one a line, UTF-8; blank lines count for nothing.

    Raises:
        ConfigError: If the file cannot be read as such, or holds no term.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problem = f"cannot read the terms in {path}: {error}; one a line is needed, in UTF-8"
        raise ConfigError(problem) from error
    terms = tuple(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))
    if not terms:
        problem = f"{path} holds no term: one a line is needed"
        raise ConfigError(problem)
    return terms


class Terms:
    """All sequences of terms, as a machine that reads tokens.

    A term's tokens differ with its place: many tokenizers write the blank before a word into
    its first token, and none before the first word. A rewrite may begin with either form, since
    some prompts end with a blank and others leave it to the rewrite.

    Args:
        first: Tokens of each term where no blank is before it.
        later: Tokens of each term after a blank.

    Attributes:
        skipped: Terms that the tokenizer cannot write, such as those with unknown characters.
    """

    start: State = (_FIRST,)

    def __init__(self, first: Iterable[tuple[int, ...]], later: Iterable[tuple[int, ...]]) -> None:
        self.skipped: tuple[str, ...] = ()
        edges: dict[tuple[int, int], int] = {}
        ends: set[int] = set()
        after_blank = list(later)
        for root, paths in ((_FIRST, [*first, *after_blank]), (_LATER, after_blank)):
            for path in paths:
                node = root
                for token in path:
                    node = edges.setdefault((node, token), len(edges) + 2)
                ends.add(node)
        self._ends = frozenset(ends - {_FIRST, _LATER})
        table = np.array([(*edge, to) for edge, to in sorted(edges.items())], np.int32)
        table = table.reshape(-1, 3)
        self._tokens: NDArray[np.int32] = np.ascontiguousarray(table[:, 1])
        self._targets: NDArray[np.int32] = np.ascontiguousarray(table[:, 2])
        self._offsets = np.searchsorted(table[:, 0], np.arange(len(edges) + 3))

    @classmethod
    def of(cls, terms: Iterable[str], tokenizer: Tokenizer, ids: Mapping[str, int]) -> Self:
        """Tokenise terms.

        Args:
            terms: Words, or several words that only occur together, such as ``new york``.
            tokenizer: The student's.
            ids: Places of the tokens in the model's vocabulary.

        Raises:
            ConfigError: If no term can be written.
        """
        wanted = [text for term in dict.fromkeys(terms) if (text := " ".join(term.split()))]
        first = _encode(wanted, tokenizer, "")
        later = _encode(wanted, tokenizer, _ANCHOR)
        can = {
            term: (tuple(ids[token] for token in one), tuple(ids[token] for token in other))
            for term, one, other in zip(wanted, first, later, strict=True)
            if one and other and all(token in ids for token in (*one, *other))
        }
        if not can:
            problem = f"the student can write none of {len(wanted)} terms, such as {wanted[:3]}"
            raise ConfigError(problem)
        made = cls((one for one, _ in can.values()), (other for _, other in can.values()))
        made.skipped = tuple(term for term in wanted if term not in can)
        return made

    def allowed(self, state: State) -> NDArray[np.int32]:
        """Return the tokens that lead on from a state, each once."""
        parts = [self._tokens[self._offsets[node] : self._offsets[node + 1]] for node in state]
        widest = max(parts, key=len)
        if len(parts) == 1 or not len(widest):
            return widest
        others = np.unique(np.concatenate([part for part in parts if part is not widest]))
        places = np.minimum(np.searchsorted(widest, others), len(widest) - 1)
        return np.concatenate([widest, others[widest[places] != others]])

    def may_end(self, state: State) -> bool:
        """Say whether a rewrite may end here: after a whole term."""
        return _LATER in state

    def follow(self, state: State, token: int) -> State:
        """Go on by a token that is allowed."""
        reached: set[int] = set()
        for node in state:
            start, end = self._offsets[node], self._offsets[node + 1]
            place = start + int(np.searchsorted(self._tokens[start:end], token))
            if place < end and self._tokens[place] == token:
                reached.add(int(self._targets[place]))
        if reached & self._ends:
            reached.add(_LATER)
        return tuple(sorted(reached))


def _encode(terms: list[str], tokenizer: Tokenizer, anchor: str) -> list[tuple[str, ...]]:
    """Tokenise terms as they stand after an anchor; empty where the tokens do not spell them."""
    before = tokenizer.encode(anchor, add_special_tokens=False).ids
    rows = tokenizer.encode_batch(
        [f"{anchor} {term}".strip() for term in terms], add_special_tokens=False
    )
    texts = tokenizer.decode_batch([row.ids[len(before) :] for row in rows])
    return [
        tuple(row.tokens[len(before) :])
        if row.ids[: len(before)] == before and normalised(text) == normalised(term)
        else ()
        for row, text, term in zip(rows, texts, terms, strict=True)
    ]
