import re
from pathlib import Path

import pytest

from qrmiddleware import Boost, Rewrite
from qrmiddleware_rules import Rules
from qrmiddleware_rules.parsing import parse_rules
from qrmiddleware_rules.replacements import parse_replacements
from qrmiddleware_rules.ruleset import RuleSet, Selection
from qrmiddleware_rules.words import fold_case

PAGE = (Path(__file__).parents[3] / "docs" / "rules.md").read_text(encoding="utf-8")


def blocks(kind):
    return re.findall(rf"```text {kind}\n(.*?)```", PAGE, flags=re.DOTALL)


def table_inputs():
    return re.findall(r"^\| `(.+?) =>` \|", PAGE, flags=re.MULTILINE)


def table_instructions():
    return re.findall(r"^\| `([A-Z].*?)` \|", PAGE, flags=re.MULTILINE)


@pytest.mark.parametrize("text", blocks("rules"))
def test_the_rules_of_the_page_can_be_read(text):
    assert parse_rules(text, name="docs").problems == ()


@pytest.mark.parametrize("text", blocks("replace"))
def test_the_replace_rules_of_the_page_can_be_read(text):
    assert parse_replacements(text, name="docs", fold=fold_case).problems == ()


def test_the_tables_of_the_page_can_be_read():
    lines = [f"{left} =>\n  UP: x" for left in table_inputs()]
    lines += ["cheap =>", *table_instructions()]

    parsed = parse_rules("\n".join(lines), name="docs")

    assert parsed.problems == ()
    assert len(parsed.rules) == 7


def test_the_first_example_does_what_the_page_says():
    rules = parse_rules(blocks("rules")[0], name="docs").rules
    rule_set = RuleSet(rules, (), ignore_case=True, selection=Selection({}))

    proposals = rule_set.propose("cheap garden hose", limit=10)

    rewrites = [(one.text, one.weight, one.replaces) for one in proposals[:3]]
    assert rewrites == [
        ("garden hose", 1.0, True),
        ("water pipe", 1.0, False),
        ("irrigation tube", 0.5, False),
    ]
    assert [type(one) for one in proposals] == [Rewrite, Rewrite, Rewrite, Boost]


def test_the_page_lists_every_setting():
    listed = re.findall(r"^\| `(\w+)` \|", PAGE.partition("## Settings")[2], flags=re.MULTILINE)

    assert set(listed) == set(Rules.Settings.model_fields)
