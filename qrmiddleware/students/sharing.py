"""One opened student for all who use it: several places of a pipeline, several pipelines.

See ``docs/design/0008-one-student-for-all-who-use-it.md``.
"""

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Generic, Protocol, TypeVar

from qrmiddleware.students.folder import read_student, student_hash
from qrmiddleware.students.generator.student import WRITERS, Generator
from qrmiddleware.students.generator.terms import read_terms
from qrmiddleware.students.manifest import Kind
from qrmiddleware.students.opening import SCORERS, Student, open_folder
from qrmiddleware.students.settings import RuntimeSettings


class Closable(Protocol):
    """What can be let go of."""

    def close(self) -> None:
        """Let go."""


T = TypeVar("T", bound=Closable)


@dataclass(slots=True)
class Loan(Generic[T]):
    """A thing that others may use too.

    Attributes:
        thing: What was lent; not to be closed.
    """

    thing: T
    _give_back: Callable[[], None] = field(repr=False)
    _returned: bool = False

    def close(self) -> None:
        """Give it back; the last to do so closes it. Doing so twice does nothing."""
        if not self._returned:
            self._returned = True
            self._give_back()


@dataclass(slots=True)
class _Place(Generic[T]):
    thing: T
    users: int = 0


class Shelf(Generic[T]):
    """Opens each thing once, however many want it; may be asked from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._places: dict[object, _Place[T]] = {}

    def borrow(self, key: object, make: Callable[[], T]) -> Loan[T]:
        """Lend the thing of that key; raises what ``make`` raises.

        Args:
            key: Equal for what may be used for one another.
            make: Opens it, if nobody has it at the moment; others wait meanwhile.
        """
        with self._lock:
            place = self._places.get(key)
            if place is None:
                place = self._places[key] = _Place(make())
            place.users += 1
        return Loan(place.thing, lambda: self._take_back(key))

    def _take_back(self, key: object) -> None:
        with self._lock:
            place = self._places[key]
            place.users -= 1
            if place.users:
                return
            del self._places[key]
        place.thing.close()


_OPEN: Final[Shelf[Student]] = Shelf()
_WRITING: Final[Shelf[Generator]] = Shelf()


def borrow_student(
    path: Path, settings: RuntimeSettings, *, expect: Collection[Kind] = SCORERS
) -> Loan[Student]:
    """Open a student, or share the one that another has open.

    Students with the same content and equal settings share the model, its threads and its
    caches within a process, so that what one place has scored costs another nothing.

    Args:
        path: The student's folder; all of its files are checked each time.
        settings: How it runs.
        expect: Kinds that will do.

    Raises:
        ConfigError: If the folder is no intact student, one of another kind, or cannot work.
    """
    folder = read_student(path, expect=expect)
    return _OPEN.borrow((student_hash(folder), settings), lambda: open_folder(folder, settings))


def borrow_generator(
    path: Path, settings: RuntimeSettings, *, terms: Path | None = None
) -> Loan[Generator]:
    """Open a generator, or share the one that another has open with equal settings and terms.

    Args:
        path: The student's folder; all of its files are checked each time.
        settings: How it runs.
        terms: File of words that rewrites are confined to; the folder's own without.

    Raises:
        ConfigError: If the folder is no intact generator, or it can write none of the terms.
    """
    folder = read_student(path, expect=WRITERS)
    words = None if terms is None else read_terms(terms)
    return _WRITING.borrow(
        (student_hash(folder), settings, words), lambda: Generator(folder, settings, words)
    )
