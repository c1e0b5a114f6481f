import json
from dataclasses import replace

import pytest

from qrmiddleware.asking.endpoint import EndpointOptions
from qrmiddleware.asking.questions import Manner, UnreadableError
from qrmiddleware.distill.causal.models import Size, tiny_causal
from qrmiddleware.errors import ConfigError
from qrmiddleware_rl_qr.recipes.asked import Llm
from qrmiddleware_rl_qr.recipes.judges import (
    EndpointJudge,
    LocalJudge,
    Opinion,
    RelevanceJudge,
    Shown,
    ThriftyJudge,
    read_opinion,
)
from qrmiddleware_rl_qr.recipes.prompts import FEEDBACK, load_prompt
from qrmiddleware_rl_qr.recipes.searching import Hit

SOFAS = Shown("couch", "sofa", (Hit("a", "red sofa"), Hit("b", "blue\nsofa"), Hit("c", "lamp")))
LAMPS = Shown("couch", "lamp", (Hit("c", "lamp"), Hit("d", "lamp")))
GOOD = json.dumps({"relevance": 3, "diversity": 1.5, "click": 0})


class BySofa:
    """Relevance of titles with a sofa."""

    def scores(self, query, hits):
        return None if query == "unknown" else [float("sofa" in hit.title) for hit in hits]


def endpoint_judge(server, file=None):
    options = EndpointOptions(server.url, attempts=1, backoff_s=0.001, timeout_s=5.0)
    return EndpointJudge(Llm(options, Manner("m"), load_prompt(FEEDBACK), file))


def test_a_language_model_looks_at_what_is_shown(talker):
    with talker({"wording: sofa": f"<think>hm {{</think>```json\n{GOOD}\n```"}) as server:
        judge = endpoint_judge(server)
        told = judge.judge([SOFAS, LAMPS])

    assert told == (Opinion(1.0, 0.5, 0.0), None)
    assert told[0].value == 0.5
    assert judge.name == "llm:m:feedback-1"
    asked = [request["messages"][-1]["content"] for request in server.requests]
    (told,) = (each for each in asked if "wording: sofa" in each)
    assert "Your search: couch" in told
    assert "1. red sofa\n2. blue sofa\n3. lamp" in told


def test_an_endpoint_that_fails_midway_costs_one_opinion(talker):
    with talker({"wording": GOOD}, ["ok", "server-error"]) as server:
        judge = endpoint_judge(server)
        one = EndpointJudge(replace(judge.llm, manner=replace(judge.llm.manner, concurrency=1)))
        told = one.judge([SOFAS, LAMPS, Shown("lamp", "light", ())])

    assert [each is None for each in told] == [False, True, False]


def test_an_endpoint_that_is_not_there_has_no_opinion_and_is_counted(talker):
    with talker({}) as server:
        judge = endpoint_judge(server)
    thrifty = ThriftyJudge(judge)

    assert thrifty.judge([SOFAS, LAMPS]) == [None, None]
    assert thrifty.counts["failed"] == 2


@pytest.mark.parametrize(
    "content",
    [
        "These look great!",
        "{",
        "[3, 3, 3]",
        '{"relevance": 3}',
        '{"relevance": 7, "diversity": 1, "click": 0}',
        '{"relevance": true, "diversity": 1, "click": 0}',
        '{"relevance": "3", "diversity": 1, "click": 0}',
        '{"relevance": NaN, "diversity": 1, "click": 0}',
    ],
)
def test_nonsense_is_no_opinion(content):
    with pytest.raises(UnreadableError):
        read_opinion(content)


def test_a_rule_looks_at_relevance_and_goes_down_the_page():
    judge = RelevanceJudge(BySofa(), "shop")

    sofas, lamps, nothing, unknown = judge.judge(
        [SOFAS, LAMPS, Shown("couch", "x", ()), Shown("unknown", "x", LAMPS.hits)]
    )

    assert sofas == Opinion(pytest.approx(2 / 3), 1.0, 1.0)
    assert lamps == Opinion(0.0, 0.5, 0.0)
    assert nothing == Opinion(0.0, 0.0, 0.0)
    assert unknown is None
    late = Shown("couch", "x", (Hit("c", "lamp"), Hit("a", "sofa")))
    assert judge.judge([late])[0].click == pytest.approx(0.7)


class Counting:
    """A judge that counts, and fails about lamps."""

    name = "counting"

    def __init__(self):
        self.asked = 0

    def judge(self, shown):
        self.asked += len(shown)
        return [None if "lamp" in each.rewrite else Opinion(1.0, 1.0, 1.0) for each in shown]


def test_a_thrifty_judge_remembers_and_keeps_its_limit(tmp_path):
    behind = Counting()
    judge = ThriftyJudge(behind, tmp_path / "opinions.jsonl", most=3)

    assert judge.judge([SOFAS, LAMPS, SOFAS]) == [Opinion(1, 1, 1), None, Opinion(1, 1, 1)]
    others = [Shown("a", f"b{n}", ()) for n in range(3)]
    assert [each is None for each in judge.judge([*others, SOFAS])] == [False, True, True, False]
    assert judge.counts == {"asked": 3, "remembered": 1, "failed": 1, "beyond the limit": 2}
    assert behind.asked == 3

    again = ThriftyJudge(behind, tmp_path / "opinions.jsonl", most=1)
    assert again.judge([SOFAS]) == [Opinion(1, 1, 1)]
    assert behind.asked == 3


def test_other_results_are_looked_at_anew(tmp_path):
    judge = ThriftyJudge(Counting(), tmp_path / "opinions.jsonl")

    judge.judge([SOFAS])
    judge.judge([replace(SOFAS, hits=SOFAS.hits[:1])])

    assert judge.counts["asked"] == 2


def test_a_damaged_file_of_opinions_is_named(tmp_path):
    file = tmp_path / "opinions.jsonl"
    file.write_text("{}\n")

    with pytest.raises(ConfigError, match=r"opinions.jsonl:1: is no opinion"):
        ThriftyJudge(Counting(), file).judge([SOFAS])


@pytest.mark.students
def test_a_local_model_grades_by_its_probabilities():
    torch = pytest.importorskip("torch")
    lm = tiny_causal(["red sofa lamp"] * 3, Size(300, 1, 16, 2), seed=1)
    with torch.no_grad():
        for weight in lm.model.parameters():
            weight.mul_(5 if weight.dim() > 1 else 1)
    judge = LocalJudge(lm, load_prompt(FEEDBACK), "tiny")

    told = judge.judge([SOFAS, LAMPS])

    assert judge.name == "local:tiny:feedback-1"
    assert all(0 < each.value < 1 for each in told)
    assert told[0] != told[1]
    assert len({told[0].relevance, told[0].diversity, told[0].click}) == 3
