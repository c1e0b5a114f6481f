"""The rules of a pipeline: read from files, applied to queries, immutable in between."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qrmiddleware import ConfigError, Proposal
from qrmiddleware_rules.matching import Index, Match
from qrmiddleware_rules.parsing import parse_rules
from qrmiddleware_rules.problems import Problem, errors, headline
from qrmiddleware_rules.properties import has_value, look_up
from qrmiddleware_rules.proposals import propose
from qrmiddleware_rules.replacements import Replacement, Replacer, parse_replacements
from qrmiddleware_rules.rule import Rule
from qrmiddleware_rules.words import Fold, fold_case, keep_case


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rules count, and how many of those that match a query.

    Attributes:
        where: Values that a rule's properties must have, where it has them.
        sort: Property to order matching rules by, and whether the highest comes first.
        max_rules: How many matching rules are applied; ``None`` for all.
    """

    where: Mapping[str, Any]
    sort: tuple[str, bool] | None = None
    max_rules: int | None = None

    def admits(self, rule: Rule) -> bool:
        """Whether a rule is enabled and meant for this pipeline."""
        return rule.properties.get("enabled", True) and all(
            has_value(rule.properties, name, value) for name, value in self.where.items()
        )

    def pick(self, matches: Sequence[Match]) -> list[Match]:
        """Order matches by the sort property and keep those of the first rules."""
        picked = list(matches)
        if self.sort is not None:
            name, descending = self.sort
            picked.sort(key=lambda match: _sort_key(match.rule, name, descending=descending))
        if self.max_rules is not None:
            numbers = list(dict.fromkeys(match.number for match in picked))
            kept = frozenset(numbers[: self.max_rules])
            picked = [match for match in picked if match.number in kept]
        return picked


class RuleSet:
    """Rules and replace rules, indexed."""

    def __init__(
        self,
        rules: Sequence[Rule],
        replacements: Sequence[Replacement],
        *,
        ignore_case: bool,
        selection: Selection,
    ) -> None:
        self._fold = fold_of(ignore_case=ignore_case)
        self._selection = selection
        self._index = Index([rule for rule in rules if selection.admits(rule)], self._fold)
        self._replacer = Replacer(replacements, self._fold)

    def propose(self, text: str, *, limit: int) -> list[Proposal]:
        """Apply the replace rules, then every rule that matches; see ``proposals.propose``."""
        words, notes = self._replacer.apply(text.split())
        if not words:
            return []
        matches = self._selection.pick(self._index.find([self._fold(word) for word in words]))
        return propose(words, matches, replaced_by=notes, limit=limit)


def fold_of(*, ignore_case: bool) -> Fold:
    """Choose how words are compared."""
    return fold_case if ignore_case else keep_case


def read_rule_set(
    paths: Sequence[Path],
    replace_paths: Sequence[Path],
    *,
    ignore_case: bool,
    selection: Selection,
) -> RuleSet:
    """Read all files of a pipeline.

    Raises:
        ConfigError: If a file cannot be read or holds errors; it names all of them.
    """
    rules: list[Rule] = []
    replacements: list[Replacement] = []
    complaints: list[str] = []
    fold = fold_of(ignore_case=ignore_case)
    for path in paths:
        found = parse_rules(read_text(path), name=path.name)
        rules += found.rules
        complaints += _complaints(found.problems, path)
    for path in replace_paths:
        replaced = parse_replacements(read_text(path), name=path.name, fold=fold)
        replacements += replaced.replacements
        complaints += _complaints(replaced.problems, path)
    if complaints:
        raise ConfigError("\n".join(complaints))
    return RuleSet(rules, replacements, ignore_case=ignore_case, selection=selection)


def read_text(path: Path) -> str:
    """Read a file in UTF-8, with or without a byte order mark.

    Raises:
        ConfigError: If it cannot be opened, or is not in UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        message = f"{path}: cannot be read: {error.strerror or error}"
        raise ConfigError(message) from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        message = f"{path}:{line}: not in UTF-8: byte {error.object[error.start]:#04x}"
        raise ConfigError(message) from error


def _complaints(problems: Sequence[Problem], path: Path) -> list[str]:
    return [headline(problem, str(path)) for problem in errors(problems)]


def _sort_key(rule: Rule, name: str, *, descending: bool) -> tuple[int, float, str]:
    """Numbers before texts, rules without the property last."""
    value = look_up(rule.properties, name)
    match value:
        case bool() | int() | float():
            return 0, -float(value) if descending else float(value), ""
        case str():
            return 1, 0.0, value
        case _:
            return 2, 0.0, ""
