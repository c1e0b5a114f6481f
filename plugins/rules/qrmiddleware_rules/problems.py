"""What is wrong with a rule file, and where."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

_EXCERPT = 100


@dataclass(frozen=True, slots=True)
class Problem:
    """Something a person should look at.

    Attributes:
        line: Line number, from 1.
        column: Column of the first character it is about, from 1.
        message: What was found, and what was expected.
        is_error: Whether the file cannot be used; otherwise a warning.
    """

    line: int
    column: int
    message: str
    is_error: bool = True


class InvalidTextError(ValueError):
    """A part of a line cannot be read; the parsers turn it into a ``Problem``.

    Attributes:
        column: Column of the first character it is about, from 1.
    """

    def __init__(self, message: str, column: int) -> None:
        super().__init__(message)
        self.column = column


def errors(problems: Iterable[Problem]) -> list[Problem]:
    """Pick the problems that keep a file from being used."""
    return [problem for problem in problems if problem.is_error]


def headline(problem: Problem, name: str) -> str:
    """Say what and where on one line, in the form that editors and CI can follow."""
    kind = "error" if problem.is_error else "warning"
    return f"{name}:{problem.line}:{problem.column}: {kind}: {problem.message}"


def excerpt(problem: Problem, lines: Sequence[str]) -> tuple[str, str]:
    """Show the line and a caret below the column; long lines are cut around it."""
    if not 0 < problem.line <= len(lines):
        return "", ""
    first = max(0, problem.column - _EXCERPT // 2)
    shown = "".join(char if char.isprintable() else " " for char in lines[problem.line - 1])
    before = shown[first : problem.column - 1]
    return shown[first : first + _EXCERPT], " " * cell_len(before) + "^"
