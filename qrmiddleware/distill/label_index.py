"""Finds labels of several teachers by their pair, without holding them in memory."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Self

from qrmiddleware.distill.label_store import label_at, label_places
from qrmiddleware.distill.labels import Label
from qrmiddleware.errors import ConfigError


class LabelIndex:
    """Labels in files; used as a context manager. Files are read once for places, then on demand.

    Memory holds a place for every label, some 100 bytes, and no text. Of several labels of a pair
    by one teacher the last counts, in whichever file it is.

    Args:
        files: In order.
        teachers: Whose labels; empty for all.

    Attributes:
        teachers: Who labelled, in the order of their first labels.

    Raises:
        ConfigError: If a file cannot be read, or a teacher that is named has no label.
    """

    def __init__(self, files: Sequence[Path], teachers: Collection[str] = ()) -> None:
        self._paths = tuple(files)
        self._open: list[IO[bytes]] = []
        self._stack = ExitStack()
        self._places: dict[str, dict[str, tuple[int, int]]] = {}
        self._pairs: dict[str, str] = {}  # each key once, in order
        for number, path in enumerate(self._paths):
            for place, label in label_places(path):
                if not teachers or label.teacher in teachers:
                    key = self._pairs.setdefault(label.pair, label.pair)
                    self._places.setdefault(label.teacher, {})[key] = (number, place)
        if missing := [name for name in teachers if name not in self._places]:
            there = ", ".join(self._places) or "none of these"
            message = f"no label of teacher {missing[0]!r}; there are labels of {there}"
            raise ConfigError(message)
        self.teachers = tuple(self._places)

    def __enter__(self) -> Self:
        self._open = [self._stack.enter_context(path.open("rb")) for path in self._paths]
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def __len__(self) -> int:
        return len(self._pairs)

    def __iter__(self) -> Iterator[Mapping[str, Label]]:
        """Yield the labels of each pair, by teacher."""
        return (self.of(pair) for pair in self._pairs)

    def of(self, pair: str) -> Mapping[str, Label]:
        """Return the labels of the pair of this key, by teacher in the order of ``teachers``."""
        found = ((name, places.get(pair)) for name, places in self._places.items())
        return {
            name: label_at(self._open[place[0]], place[1])
            for name, place in found
            if place is not None
        }
