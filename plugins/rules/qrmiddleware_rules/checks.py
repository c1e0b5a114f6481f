"""What is allowed in a rule file and yet likely a mistake."""

from collections.abc import Iterable, Iterator, Sequence

from qrmiddleware_rules.problems import Problem
from qrmiddleware_rules.replacements import Replacer
from qrmiddleware_rules.rule import Input, Rule
from qrmiddleware_rules.words import fold_case

_KNOWN_PROPERTIES = frozenset({"_id", "_log", "enabled", "priority"})


def check_rules(rules: Sequence[Rule], replacer: Replacer) -> list[Problem]:
    """Collect warnings, in the order of the file.

    Args:
        rules: Of one file.
        replacer: The replace rules that change queries before these rules see them.
    """
    found = [
        *_repeated_inputs(rules),
        *_unknown_properties(rules),
        *(problem for rule in rules for problem in _check_rule(rule, replacer)),
    ]
    return sorted(found, key=lambda problem: (problem.line, problem.column))


def _warn(line: int, message: str) -> Problem:
    return Problem(line, 1, message, is_error=False)


def _check_rule(rule: Rule, replacer: Replacer) -> Iterator[Problem]:
    if rule.does_nothing:
        yield _warn(rule.line, "this rule has no instructions")
    if rule.properties.get("enabled") is False:
        yield _warn(rule.line, "this rule is switched off by 'enabled: false'")
    yield from _unreachable(rule, replacer)
    for decoration in rule.decorations:
        yield _warn(decoration.line, "DECORATE is not applied: a search has no place for it")
    phrases = {" ".join(map(fold_case, phrase.words)) for phrase in rule.input.phrases}
    for synonym in rule.synonyms:
        if synonym.weight > 1:
            yield _warn(synonym.line, f"the weight {synonym.weight:g} counts as 1, the highest")
        if fold_case(synonym.text) in phrases and not rule.input.has_rest:
            yield _warn(synonym.line, f"the synonym {synonym.text!r} is the input itself")


def _unreachable(rule: Rule, replacer: Replacer) -> Iterator[Problem]:
    if rule.input.is_boolean or rule.input.has_rest:
        return
    words = rule.input.phrases[0].words
    replaced = replacer.apply(words)
    if tuple(map(fold_case, replaced.words)) == tuple(map(fold_case, words)):
        return
    left = " ".join(replaced.words)
    by = ", ".join(replaced.notes)
    message = f"never reached: replace rules turn this input into {left!r} ({by})"
    yield _warn(rule.line, message)


def _repeated_inputs(rules: Iterable[Rule]) -> Iterator[Problem]:
    first: dict[object, int] = {}
    for rule in rules:
        earlier = first.setdefault(_key(rule.input), rule.line)
        if earlier != rule.line:
            yield _warn(rule.line, f"the same input as in line {earlier}; both rules apply")


def _key(rule_input: Input) -> object:
    phrases = tuple(
        (tuple(map(fold_case, phrase.words)), phrase.wildcard, phrase.at_start, phrase.at_end)
        for phrase in rule_input.phrases
    )
    return phrases, rule_input.expression


def _unknown_properties(rules: Iterable[Rule]) -> Iterator[Problem]:
    seen: set[str] = set()
    for rule in rules:
        for name in sorted(rule.properties.keys() - _KNOWN_PROPERTIES - seen):
            seen.add(name)
            message = f"the property {name!r} does nothing unless 'where' or 'sort' names it"
            yield _warn(rule.line, message)
