"""Rows of token ids from queries and texts: the query once, each text once in its life."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

from tokenizers import Encoding, Tokenizer

from qrmiddleware.errors import ConfigError
from qrmiddleware.students.batches import Row
from qrmiddleware.students.bounded_cache import BoundedCache, CacheCounts, content_key
from qrmiddleware.students.manifest import Inputs

_CHARS_PER_TOKEN: Final = 16
"""Of a text, read at first for each token that it may have; most languages need 1 to 6."""
_LEAST_CHARS: Final = 1024
_DOUBTFUL_CHARS: Final = 128
"""Tokens that end so close to a cut may look different without it.

WordPiece looks at 100 characters of a word at most, and no pair is merged across words.
"""
_PROBES: Final = ("a", "the", "1", ".", "の")


@dataclass(frozen=True, slots=True)
class _Frame:
    """What the tokenizer's post-processor puts around one text, or two.

    Attributes:
        parts: Ids before, between and after the texts; as many as texts, and one more.
        part_types: Token types of these ids.
        types: Token type of each text.
    """

    parts: tuple[tuple[int, ...], ...]
    part_types: tuple[tuple[int, ...], ...]
    types: tuple[int, ...]

    @property
    def length(self) -> int:
        return sum(map(len, self.parts))

    def without_types(self) -> "_Frame":
        """Return the frame for a model that does not tell texts apart."""
        zeros = tuple((0,) * len(part) for part in self.parts)
        return _Frame(self.parts, zeros, (0,) * len(self.types))

    def rows(self, *first: tuple[int, ...], last: Sequence[tuple[int, ...]]) -> list[Row]:
        """Return one row per text of ``last``, each after the texts of ``first``."""
        ids, types = self.parts[0], self.part_types[0]
        for number, text in enumerate(first):
            ids += text + self.parts[number + 1]
            types += (self.types[number],) * len(text) + self.part_types[number + 1]
        end_ids, end_types, of_last = self.parts[-1], self.part_types[-1], self.types[-1:]
        return [Row(ids + text + end_ids, types + of_last * len(text) + end_types) for text in last]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows in the order of their texts, and how many of the texts did not fit whole."""

    rows: list[Row]
    cut: int


class PairTokenizer:
    """Makes a student's input of texts, as the tokenizer in its folder would.

    Texts are cut to what `Inputs` allows, queries to ``max_query_tokens``; special tokens are
    the tokenizer's own and never cut, and no text can spell them. Lone surrogates, which no
    tokenizer takes, become U+FFFD.

    A text of more than 16 characters for each token it may have is read piece by piece, until
    it has enough tokens that the rest cannot change: 100 kB cost what their beginning costs.

    Args:
        file: A ``tokenizer.json``; its own truncation and padding are switched off.
        inputs: Limits.
        cache_bytes: Bound on the cache of texts' token ids; 0 keeps none.

    Raises:
        ConfigError: If the file is no tokenizer, or adds special tokens in a way that depends
            on the texts.
    """

    def __init__(self, file: Path, inputs: Inputs, *, cache_bytes: int) -> None:
        self._tokenizer = load_tokenizer(file)
        self._tokenizer.encode_special_tokens = True  # [SEP] in a title is a word in brackets
        self._pair = _find_frame(self._tokenizer, file, inputs, count=2)
        self._single = _find_frame(self._tokenizer, file, inputs, count=1)
        before_query, before_text = map(self._count, (inputs.query_prefix, inputs.text_prefix))
        self._query_room = inputs.max_query_tokens + before_query
        if self._single.length + max(before_query, before_text) >= inputs.max_tokens:
            problem = (
                f"{file} makes {max(before_query, before_text)} tokens of a prefix, which leave "
                f"nothing of inputs.max_tokens = {inputs.max_tokens}: make the student with a "
                "higher one"
            )
            raise ConfigError(problem)
        if self._pair.length >= inputs.max_tokens:
            problem = (
                f"{file} adds {self._pair.length} special tokens to a pair, which leaves nothing "
                f"of inputs.max_tokens = {inputs.max_tokens}: make the student with a higher one"
            )
            raise ConfigError(problem)
        parts = (*self._pair.parts, *self._single.parts)
        self._special = frozenset(chain.from_iterable(parts))
        self._inputs = inputs
        self._most = inputs.max_tokens + 1  # one more than fits, so that a cut can be told
        self._cache = BoundedCache(cache_bytes)

    @property
    def vocabulary(self) -> int:
        """One more than the highest id."""
        return 1 + max(self._tokenizer.get_vocab(with_added_tokens=True).values())

    @property
    def counts(self) -> CacheCounts:
        """Of the cache of token ids, in texts."""
        return self._cache.counts

    def pairs(self, query: str, texts: Sequence[str]) -> Rows:
        """Return the rows of a query with each of ``texts``."""
        asked, *others = self._ids([query, *texts])
        asked = asked[: self._inputs.max_query_tokens]
        asked = asked[: self._inputs.max_tokens - self._pair.length]
        room = self._inputs.max_tokens - self._pair.length - len(asked)
        rows = self._pair.rows(asked, last=[text[:room] for text in others])
        return Rows(rows, sum(len(text) > room for text in others))

    def singles(self, texts: Sequence[str], *, query: bool = False) -> Rows:
        """Return the rows of texts by themselves, or of queries, each after its prefix."""
        inputs = self._inputs
        room = inputs.max_tokens - self._single.length
        prefix = inputs.query_prefix if query else inputs.text_prefix
        if query:
            room = min(room, self._query_room)
        found = self._ids([prefix + text for text in texts] if prefix else texts)
        rows = self._single.rows(last=[text[:room] for text in found])
        return Rows(rows, sum(len(text) > room for text in found))

    def _count(self, text: str) -> int:
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def _ids(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        keys = [content_key(text) for text in texts]
        found = self._cache.get_many(keys)
        missing = [number for number, ids in enumerate(found) if ids is None]
        if missing:
            made = self._encode([texts[number] for number in missing])
            self._cache.put_many((keys[n], ids) for n, ids in zip(missing, made, strict=True))
            for number, ids in zip(missing, made, strict=True):
                found[number] = ids
        return [tuple(memoryview(ids or b"").cast("I")) for ids in found]

    def _encode(self, texts: Sequence[str]) -> list[bytes]:
        limit = max(_LEAST_CHARS, _CHARS_PER_TOKEN * self._most)
        clean = [_without_lone_surrogates(text) for text in texts]
        short = [text if len(text) <= limit else "" for text in clean]
        encoded = self._tokenizer.encode_batch_fast(short, add_special_tokens=False)
        packed = [self._packed(encoding) for encoding in encoded]
        for number, text in enumerate(clean):
            if len(text) > limit:
                packed[number] = self._encode_long(text, limit)
        return packed

    def _encode_long(self, text: str, limit: int) -> bytes:
        while limit < len(text):
            encoding = self._tokenizer.encode(text[:limit], add_special_tokens=False)
            certain = [end for _, end in encoding.offsets[: self._most]]
            if len(certain) == self._most and certain[-1] <= limit - _DOUBTFUL_CHARS:
                return self._packed(encoding)
            limit *= 8
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        return self._packed(encoding)

    def _packed(self, encoding: Encoding) -> bytes:
        ids, special = encoding.ids[: self._most], self._special
        return array("I", [each for each in ids if each not in special]).tobytes()


def _without_lone_surrogates(text: str) -> str:
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def load_tokenizer(file: Path) -> Tokenizer:
    """Read a ``tokenizer.json``, without the truncation and padding that it may ask for.

    Raises:
        ConfigError: If it is none.
    """
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises nothing narrower
        problem = f"{file} is no tokenizer that the tokenizers library reads: {error}"
        raise ConfigError(problem) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _find_frame(tokenizer: Tokenizer, file: Path, inputs: Inputs, *, count: int) -> _Frame:
    for probe in _PROBES:
        texts = [probe, f"{probe} {probe}"][:count]
        try:
            alone = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
        except Exception as error:  # the library raises nothing narrower
            problem = f"{file} cannot read {probe!r}: {error}"
            raise ConfigError(problem) from error
        if all(alone):
            frame = _take_apart(tokenizer.encode(probe, None if count == 1 else texts[1]), alone)
            if frame is None:
                break
            return frame if inputs.token_types else frame.without_types()
    problem = (
        f"{file}: its post-processor does not put fixed special tokens before, between and after "
        "a query and a text in this order, as BERT's and RoBERTa's do"
    )
    raise ConfigError(problem)


def _take_apart(whole: Encoding, texts: Sequence[Sequence[int]]) -> _Frame | None:
    places = [
        [at for at, text in enumerate(whole.sequence_ids) if text == number]
        for number in range(len(texts))
    ]
    starts = [0, *(place[-1] + 1 for place in places)]
    ends = [*(place[0] for place in places), len(whole.ids)]
    bounds = list(zip(starts, ends, strict=True))
    inner = [whole.ids[place[0] : place[-1] + 1] for place in places]
    if inner != list(texts) or any(start > end for start, end in bounds):
        return None
    return _Frame(
        tuple(tuple(whole.ids[start:end]) for start, end in bounds),
        tuple(tuple(whole.type_ids[start:end]) for start, end in bounds),
        tuple(whole.type_ids[place[0]] for place in places),
    )
