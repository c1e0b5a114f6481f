"""A rules.txt file: lines to rules, with every problem and where it is."""

from dataclasses import dataclass, field, replace
from typing import Any

from qrmiddleware_rules.inputs import parse_input
from qrmiddleware_rules.instructions import parse_instruction
from qrmiddleware_rules.problems import InvalidTextError, Problem
from qrmiddleware_rules.properties import check_properties, parse_block, parse_property
from qrmiddleware_rules.rule import Decoration, Deletion, Effects, Input, Rule, Synonym
from qrmiddleware_rules.words import split_lines, strip_comment

_ARROW = "=>"
_BLOCK_START = "@{"
_BLOCK_END = "}@"


@dataclass(frozen=True, slots=True)
class ParsedRules:
    """What a file holds.

    Attributes:
        rules: Those without errors, in the order of the file.
        problems: In the order of the file.
    """

    rules: tuple[Rule, ...]
    problems: tuple[Problem, ...]


@dataclass(slots=True)
class _Draft:
    """A rule while its lines come in.

    Attributes:
        line: Line number of the input.
        input: ``None`` where it could not be read.
        is_broken: Whether any of its lines could not be read.
    """

    line: int
    input: Input | None = None
    is_broken: bool = False
    synonyms: list[Synonym] = field(default_factory=list[Synonym])
    deletions: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])
    effects: list[Effects] = field(default_factory=list[Effects])
    decorations: list[Decoration] = field(default_factory=list[Decoration])
    properties: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(slots=True)
class _Block:
    """Properties between ``@{`` and ``}@`` while their lines come in."""

    line: int
    column: int
    lines: list[str] = field(default_factory=list[str])


def parse_rules(text: str, *, name: str) -> ParsedRules:
    """Read a whole file; what cannot be read becomes a problem, and reading goes on.

    Args:
        text: The file's content.
        name: The file's name, for notes.
    """
    parser = _Parser(name)
    for number, line in enumerate(split_lines(text), start=1):
        parser.read(number, strip_comment(line).rstrip())
    parser.finish()
    problems = sorted(parser.problems, key=lambda problem: (problem.line, problem.column))
    return ParsedRules(tuple(parser.rules), tuple(problems))


class _Parser:
    def __init__(self, name: str) -> None:
        self.rules: list[Rule] = []
        self.problems: list[Problem] = []
        self._name = name
        self._draft: _Draft | None = None
        self._block: _Block | None = None

    def read(self, number: int, content: str) -> None:
        """Take in one line without its comment."""
        try:
            self._read(number, content)
        except InvalidTextError as error:
            self._complain(number, error.column, str(error))

    def _read(self, number: int, content: str) -> None:
        start = content.lstrip()
        if self._block is not None:
            self._read_block_line(self._block, content)
        elif start.startswith(_BLOCK_START):
            self._block = _Block(number, len(content) - len(start) + 1)
            self._read_block_line(self._block, start[1:])
        elif start.startswith("@"):
            self._add_properties(parse_property(content))
        elif content.endswith(_ARROW):
            self._finish_rule()
            self._draft = _Draft(number)
            self._draft.input = parse_input(content[: -len(_ARROW)])
        elif start:
            self._read_instruction(number, content)

    def finish(self) -> None:
        """Take in the end of the file."""
        if self._block is not None:
            message = "these properties are never closed: }@ is missing"
            self._complain(self._block.line, self._block.column, message)
        self._finish_rule()

    def _complain(self, line: int, column: int, message: str) -> None:
        self.problems.append(Problem(line, column, message))
        if self._draft is not None:
            self._draft.is_broken = True

    def _read_block_line(self, block: _Block, content: str) -> None:
        ends = content.endswith(_BLOCK_END)
        block.lines.append(content[:-1] if ends else content)
        if not ends:
            return
        self._block = None
        try:
            self._add_properties(parse_block("\n".join(block.lines)))
        except InvalidTextError as error:
            self._complain(block.line, block.column, str(error))

    def _add_properties(self, properties: dict[str, Any]) -> None:
        draft = self._require_draft()
        repeated = sorted(draft.properties.keys() & properties.keys())
        if repeated:
            message = f"the property {repeated[0]!r} is already set in this rule"
            raise InvalidTextError(message, 1)
        check_properties(properties)
        draft.properties.update(properties)

    def _read_instruction(self, number: int, content: str) -> None:
        if _ARROW in content:
            message = "nothing may follow '=>': put each instruction on a line of its own"
            raise InvalidTextError(message, content.index(_ARROW) + len(_ARROW) + 1)
        draft = self._require_draft()
        match parse_instruction(content, draft.input, number):
            case Synonym() as synonym:
                draft.synonyms.append(synonym)
            case Deletion(words):
                draft.deletions |= words
            case Effects() as effects:
                draft.effects.append(effects)
            case Decoration() as decoration:
                draft.decorations.append(decoration)

    def _require_draft(self) -> _Draft:
        if self._draft is None:
            message = "a rule must begin with its input: a line such as 'words =>'"
            raise InvalidTextError(message, 1)
        return self._draft

    def _finish_rule(self) -> None:
        draft, self._draft = self._draft, None
        if draft is None or draft.input is None or draft.is_broken:
            return
        note = self._note(draft)
        self.rules.append(
            Rule(
                draft.input,
                draft.line,
                note,
                synonyms=tuple(draft.synonyms),
                deletions=frozenset(draft.deletions),
                effects=tuple(
                    replace(proposal, note=note)
                    for effects in draft.effects
                    for proposal in effects.proposals
                ),
                decorations=tuple(draft.decorations),
                properties=draft.properties,
            )
        )

    def _note(self, draft: _Draft) -> str:
        place = f"{self._name}:{draft.line}"
        said = [str(draft.properties[name]) for name in ("_id", "_log") if name in draft.properties]
        return f"{': '.join(said)} ({place})" if said else place
