"""Turn a query into the tokens that a generator goes on from."""

import re
from itertools import takewhile
from typing import Final

from tokenizers import Tokenizer

from qrmiddleware.errors import ConfigError
from qrmiddleware.students.manifest import Inputs

_QUERY: Final = "{query}"
_TOKEN_CHARACTERS: Final = 64
"""Hardly a token has more: what is cut off unseen beyond spares tokenising 10 kB."""


class Prompts:
    """Writes prompts as the student was trained to read them.

    Attributes:
        fixed: Tokens that every prompt begins with, whatever the query.
    """

    def __init__(self, tokenizer: Tokenizer, inputs: Inputs) -> None:
        if inputs.prompt.count(_QUERY) != 1:
            problem = f"inputs.prompt is {inputs.prompt!r}: it must hold {_QUERY} once"
            raise ConfigError(problem)
        self._tokenizer = tokenizer
        self._before, _, self._after = inputs.prompt.partition(_QUERY)
        special = [
            token.content
            for token in tokenizer.get_added_tokens_decoder().values()
            if token.special
        ]
        self._special = re.compile("|".join(map(re.escape, special)) or r"(?!)")
        probes = [self._encode(word) for word in ("a", "zq 7", "0")]
        frame = len(self._encode(""))
        room = inputs.max_tokens - frame
        if room < 1:
            problem = (
                f"inputs.max_tokens is {inputs.max_tokens}, but the prompt alone has {frame} tokens"
            )
            raise ConfigError(problem)
        self._limit = min(inputs.max_query_tokens, room)
        same = takewhile(lambda column: len(set(column)) == 1, zip(*probes, strict=False))
        self.fixed = tuple(column[0] for column in same)

    def clean(self, query: str) -> str:
        """Return the query on one line, cut to what the student reads.

        Texts of special tokens are taken out, so that no query can end its own prompt. Nothing
        remains of a query that has no token.
        """
        beginning = query[: self._limit * _TOKEN_CHARACTERS]
        text = beginning.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        text = " ".join(self._special.sub(" ", text).split())
        encoded = self._tokenizer.encode(text, add_special_tokens=False)
        if len(encoded.ids) <= self._limit:
            return text if encoded.ids else ""
        end: int = encoded.offsets[self._limit - 1][1]
        return text[:end].rstrip()

    def tokens(self, query: str) -> tuple[str, ...]:
        """Write the prompt of a query that `clean` returned."""
        return self._encode(query)

    def _encode(self, query: str) -> tuple[str, ...]:
        text = f"{self._before}{query}{self._after}"
        return tuple(self._tokenizer.encode(text).tokens)
