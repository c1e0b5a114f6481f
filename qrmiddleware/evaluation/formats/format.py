"""What a format is: which files it needs, what can be chosen, and who reads it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from qrmiddleware.evaluation.collection import Document, JudgedQueries
from qrmiddleware.evaluation.formats.rows import FormatError


class FileMissingError(FormatError):
    """A file that a format needs is not there."""


Chosen: TypeAlias = Mapping[str, str]
"""What was chosen for every option of a format."""


@dataclass(frozen=True, slots=True)
class Option:
    """Something to choose when reading a format.

    Attributes:
        meaning: For people.
        default: Taken if nothing is chosen.
        choices: All that can be chosen; anything if empty.
    """

    meaning: str
    default: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """A folder of files, or one file.

    Attributes:
        path: As the user gave it.
    """

    path: Path

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The files in it, and in its folders, by their path from it.

        Raises:
            FormatError: If there is no such file or folder.
        """
        if self.path.is_file():
            return (self.path.name,)
        if not self.path.is_dir():
            message = f"{self.path}: there is no such file or folder"
            raise FormatError(message)
        found = (*self.path.glob("*"), *self.path.glob("*/*"))
        return tuple(
            sorted(file.relative_to(self.path).as_posix() for file in found if file.is_file())
        )

    def file(self, name: str) -> Path:
        """Return the path of one of ``names``."""
        return self.path if self.path.is_file() else self.path / name

    def find(self, *patterns: str) -> Path | None:
        """Return the first file that fits the first pattern that any fits."""
        for pattern in patterns:
            for name in self.names:
                if PurePosixPath(name).match(pattern) and name.count("/") == pattern.count("/"):
                    return self.file(name)
        return None

    def need(self, *patterns: str) -> Path:
        """Return what ``find`` does.

        Raises:
            FileMissingError: If there is none.
        """
        if found := self.find(*patterns):
            return found
        message = f"{self.path}: expected {' or '.join(patterns)}, found {self.listed()}"
        raise FileMissingError(message)

    def listed(self, most: int = 12) -> str:
        """Return the names for a message."""
        shown = ", ".join(self.names[:most]) or "no files"
        left = len(self.names) - most
        return f"{shown} and {left} more" if left > 0 else shown


@dataclass(frozen=True, slots=True)
class Format:
    """A way of writing judged queries, a catalogue, or both.

    Attributes:
        name: As users choose it.
        title: What people call it.
        needs: The files that must be there, for people.
        fits: Tells whether a source is in this format, from its content.
        options: By name.
        judged: Reads the queries and judgments; ``None`` if the format has none.
        catalogue: Reads the documents; ``None`` if the format has none.
    """

    name: str
    title: str
    needs: str
    fits: Callable[[Source], bool]
    options: Mapping[str, Option]
    judged: Callable[[Source, Chosen], JudgedQueries] | None = None
    catalogue: Callable[[Source, Chosen], Iterator[Document]] | None = None

    def choose(self, wishes: Mapping[str, str]) -> Chosen:
        """Return what is chosen for every option.

        Raises:
            FormatError: If there is no such option, or it cannot be that.
        """
        for name, value in wishes.items():
            option = self.options.get(name)
            if option is None:
                known = ", ".join(sorted(self.options)) or "none"
                message = f"format {self.name} has no option {name!r}; it has {known}"
                raise FormatError(message)
            if option.choices and value not in option.choices:
                message = f"{name} is {' or '.join(option.choices)}, not {value!r}"
                raise FormatError(message)
        return {name: wishes.get(name, option.default) for name, option in self.options.items()}
