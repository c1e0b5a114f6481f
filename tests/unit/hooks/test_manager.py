from concurrent.futures import CancelledError
from pathlib import Path
from types import MappingProxyType

import pytest

from qrmiddleware import (
    Boost,
    ConfigError,
    OverloadError,
    PluginError,
    Query,
    Restriction,
    Rewrite,
    Trace,
    hookimpl,
)
from qrmiddleware.hooks.manager import HOOKS, Hooks
from qrmiddleware.testing import make_hits

QUERY = Query("red shoe")
HITS = make_hits("red shoe", "blue shoe")


class Rewriter:
    """Proposes what it was made with."""

    def __init__(self, answer):
        self.answer = answer

    @hookimpl
    def qrm_rewrite(self, query):
        return self.answer


class Judge:
    """Answers every question about hits with what it was made with."""

    def __init__(self, answer):
        self.answer = answer

    @hookimpl
    def qrm_filter(self, query, hits):
        return self.answer

    @hookimpl
    def qrm_reward(self, hits):
        return self.answer


class Engine:
    """Says of itself what it was made with."""

    def __init__(self, says):
        self.says = says

    @hookimpl
    def qrm_status(self):
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


class Diary:
    """Notes when it is called."""

    def __init__(self, name, notes, *, fails=False):
        self.name, self.notes, self.fails = name, notes, fails

    def note(self, what):
        self.notes.append(f"{self.name} {what}")
        if self.fails:
            raise RuntimeError(what)

    @hookimpl
    def qrm_startup(self):
        self.note("startup")

    @hookimpl
    def qrm_shutdown(self):
        self.note("shutdown")

    @hookimpl
    def qrm_observe(self, trace):
        self.note(f"observed {trace.query.text}")


class Array:
    """What numpy and torch answer with: no sequence, but ``tolist``."""

    def __init__(self, values):
        self.values = values

    def tolist(self):
        return self.values


def test_each_plugin_is_asked_by_its_name():
    hooks = Hooks({"a": Rewriter([Rewrite("x")]), "b": Rewriter([Rewrite("y")])})

    assert hooks.rewrite("a", QUERY) == (Rewrite("x"),)
    assert hooks.rewrite("b", QUERY) == (Rewrite("y"),)


def test_two_plugins_of_one_class_are_told_apart():
    first, second = Judge([1.0, 2.0]), Judge([2.0, 1.0])
    hooks = Hooks({"first": first, "second": second})

    assert hooks.reward("first", QUERY, HITS) == (1.0, 2.0)
    assert hooks.reward("second", QUERY, HITS) == (2.0, 1.0)


def test_it_is_known_which_hooks_a_plugin_has():
    hooks = Hooks({"a": Rewriter(None), "b": Judge(None)})

    assert hooks.of("a") == ("qrm_rewrite",)
    assert sorted(hooks.of("b")) == ["qrm_filter", "qrm_reward"]


def test_plugins_start_in_order_and_stop_last_first():
    notes = []
    hooks = Hooks({name: Diary(name, notes) for name in ("a", "b")})

    hooks.startup()
    hooks.observe(Trace(QUERY, "default", "handled"))
    assert hooks.shutdown() == []

    assert notes == [
        "a startup",
        "b startup",
        "a observed red shoe",
        "b observed red shoe",
        "b shutdown",
        "a shutdown",
    ]


def test_every_plugin_is_shut_down_though_one_fails():
    notes = []
    hooks = Hooks({"a": Diary("a", notes, fails=True), "b": Diary("b", notes, fails=True)})

    problems = [*hooks.observe(Trace(QUERY, "default", "handled")), *hooks.shutdown()]

    assert notes == ["a observed red shoe", "b observed red shoe", "b shutdown", "a shutdown"]
    assert [(p.plugin, p.hook) for p in problems] == [
        ("a", "qrm_observe"),
        ("b", "qrm_observe"),
        ("b", "qrm_shutdown"),
        ("a", "qrm_shutdown"),
    ]


def test_a_plugin_that_cannot_start_says_so_in_its_own_words():
    class Incomplete:
        @hookimpl
        def qrm_startup(self):
            raise ConfigError("rules.txt:3: no such instruction")

    with pytest.raises(ConfigError, match=r"rules\.txt:3"):
        Hooks({"rules": Incomplete()}).startup()
    with pytest.raises(PluginError, match="plugin 'a', hook qrm_startup: raised RuntimeError"):
        Hooks({"a": Diary("a", [], fails=True)}).startup()


def test_observers_are_asked_only_where_there_are_any():
    assert Hooks({"a": Diary("a", [])}).observers
    assert not Hooks({"a": Rewriter(None)}).observers
    assert not Hooks({}).observers


def test_a_misspelt_hook_is_refused_naming_those_that_exist():
    class Typo:
        @hookimpl
        def qrm_rewrit(self, query): ...

    with pytest.raises(ConfigError) as caught:
        Hooks({"typo": Typo()})

    assert "plugin 'typo'" in str(caught.value)
    assert "qrm_rewrit" in str(caught.value)
    assert ", ".join(HOOKS) in str(caught.value)


def test_an_argument_that_the_hook_does_not_have_is_refused():
    class Wrong:
        @hookimpl
        def qrm_rewrite(self, text): ...

    with pytest.raises(ConfigError, match="text"):
        Hooks({"wrong": Wrong()})


def test_a_hook_that_is_not_marked_is_refused():
    class Unmarked:
        @hookimpl
        def qrm_startup(self): ...

        def qrm_rewrite(self, query): ...

    with pytest.raises(ConfigError, match="qrm_rewrite is not marked with @hookimpl"):
        Hooks({"unmarked": Unmarked()})


def test_a_plugin_without_a_hook_is_refused():
    with pytest.raises(ConfigError, match="implements no hook; hooks are: qrm_explain"):
        Hooks({"nothing": object()})


def test_no_opinion_is_none():
    hooks = Hooks({"a": Rewriter(None), "b": Judge(None)})

    assert hooks.rewrite("a", QUERY) is None
    assert hooks.filter("b", QUERY, HITS) is None
    assert hooks.reward("b", QUERY, HITS) is None


def test_proposals_come_as_they_were_made():
    proposals = [Rewrite("x", 0.5), Boost("y", weight=-1.0), Restriction(clause={"term": {"a": 1}})]

    assert Hooks({"a": Rewriter(proposals)}).rewrite("a", QUERY) == tuple(proposals)
    assert Hooks({"a": Rewriter([])}).rewrite("a", QUERY) == ()


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ("sneaker", "returned str, not a sequence"),
        (7, "returned int, not a sequence"),
        ({Rewrite("a")}, "returned set, not a sequence"),
        (Array(7), "returned Array, not a sequence"),
        (["sneaker"], "proposed 'sneaker'"),
        ([Rewrite(" ")], "a rewrite has no text"),
        ([Rewrite(None)], "no text"),
        ([Rewrite("a", 0.0)], "the weight of a rewrite is 0.0"),
        ([Rewrite("a", 1.5)], "the weight of a rewrite is 1.5"),
        ([Rewrite("a", float("nan"))], "the weight of a rewrite is nan"),
        ([Rewrite("a", "high")], "the weight of a rewrite is 'high'"),
        ([Rewrite("\ud800")], "cannot be sent as JSON"),
        ([Boost()], "needs a text or a clause, one of them"),
        ([Boost("a", clause={})], "needs a text or a clause, one of them"),
        ([Boost(7)], "needs a text or a clause, one of them"),
        ([Boost("a", weight=0)], "the weight of a boost is 0"),
        ([Boost("a", weight=float("inf"))], "the weight of a boost is inf"),
        ([Boost("a", weight="2")], "the weight of a boost is '2'"),
        ([Restriction()], "needs a text or a clause, one of them"),
        ([Restriction(clause="brand:acme")], "is 'brand:acme', not an object"),
        ([Restriction(clause={"term": {"brand": object()}})], "cannot be sent as JSON"),
    ],
)
def test_proposals_that_break_the_contract_are_refused(answer, problem):
    with pytest.raises(PluginError) as caught:
        Hooks({"a": Rewriter(answer)}).rewrite("a", QUERY)

    assert problem in str(caught.value)
    assert (caught.value.plugin, caught.value.hook) == ("a", "qrm_rewrite")


@pytest.mark.parametrize(
    "answer", [[1, 0], (1.0, 0.0), Array([1.0, 0.0]), [True, False], range(1, -1, -1)]
)
def test_rewards_come_as_numbers_and_flags_as_flags(answer):
    hooks = Hooks({"a": Judge(answer)})

    assert hooks.reward("a", QUERY, HITS) == (1.0, 0.0)
    assert hooks.filter("a", QUERY, HITS) == (True, False)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ([1.0], "1 answers for 2 hits"),
        ([1.0, 2.0, 3.0], "3 answers for 2 hits"),
        ([1.0, float("nan")], "not a finite number"),
        ([1.0, float("inf")], "not a finite number"),
        ([1.0, 10**400], "a reward is not a"),
        ([1.0, None], "a reward is not a number"),
        ([1.0, "best"], "a reward is not a number"),
        (1.0, "returned float, not a sequence"),
        (Array(1.0), "returned Array, not a sequence"),
        ("11", "returned str, not a sequence"),
        (iter([1.0, 2.0]), "not a sequence"),
    ],
)
def test_rewards_that_break_the_contract_are_refused(answer, problem):
    with pytest.raises(PluginError) as caught:
        Hooks({"a": Judge(answer)}).reward("a", QUERY, HITS)

    assert problem in str(caught.value)
    assert caught.value.hook == "qrm_reward"


@pytest.mark.parametrize(
    "answer", [[True], [True, None], [True, "no"], [[True], [False]], [1.0, 0.5]]
)
def test_flags_that_are_neither_true_nor_false_are_refused(answer):
    with pytest.raises(PluginError, match="qrm_filter"):
        Hooks({"a": Judge(answer)}).filter("a", QUERY, HITS)


@pytest.mark.parametrize("error", [RuntimeError("boom"), ValueError("bad"), ConfigError("late")])
def test_what_a_plugin_raises_is_wrapped_with_its_name(error):
    class Broken:
        @hookimpl
        def qrm_rewrite(self, query):
            raise error

    with pytest.raises(PluginError, match="plugin 'broken', hook qrm_rewrite: raised") as caught:
        Hooks({"broken": Broken()}).rewrite("broken", QUERY)

    assert caught.value.__cause__ is error


class Raises:
    """Answers nothing, ever."""

    def __init__(self, error):
        self.error = error

    @hookimpl
    def qrm_startup(self):
        raise self.error

    @hookimpl
    def qrm_rewrite(self, query):
        raise self.error

    @hookimpl
    def qrm_filter(self, query, hits):
        raise self.error

    @hookimpl
    def qrm_reward(self, query, hits):
        raise self.error

    @hookimpl
    def qrm_observe(self, trace):
        raise self.error


@pytest.mark.parametrize("error", [OverloadError("64 rows wait"), CancelledError()])
def test_having_no_room_or_being_left_alone_is_said_as_it_is(error):
    hooks = Hooks({"busy": Raises(error)})

    for ask in (
        lambda: hooks.rewrite("busy", QUERY),
        lambda: hooks.filter("busy", QUERY, HITS),
        lambda: hooks.reward("busy", QUERY, HITS),
    ):
        with pytest.raises(type(error)) as raised:
            ask()
        assert raised.value is error


def test_an_overload_where_nobody_waits_is_a_fault():
    hooks = Hooks({"busy": Raises(OverloadError("64 rows wait"))})

    assert len(hooks.observe(Trace(QUERY, "default", "handled"))) == 1
    with pytest.raises(PluginError, match="64 rows wait"):
        hooks.startup()


@pytest.mark.parametrize(
    ("says", "shown"),
    [
        ({"device": "cpu", 3: None}, {"device": "cpu", "3": None}),
        ({"folder": Path("models/margin")}, {"folder": "models/margin"}),
        (None, None),
        ("fine", {"problem": "qrm_status returned a str, not a mapping"}),
        (OSError("gone"), {"problem": "plugin 'engine', hook qrm_status: raised OSError('gone')"}),
    ],
)
def test_a_status_is_shown_as_json_holds_it_and_never_fails(says, shown):
    assert Hooks({"engine": Engine(says)}).status("engine") == shown


def test_a_plugin_without_the_hook_has_no_status():
    assert Hooks({"judge": Judge(None)}).status("judge") is None


def explaining(answer):
    class Explains:
        @hookimpl
        def qrm_explain(self, query, hits):
            return answer

    return Hooks({"a": Explains()})


def test_explanations_are_texts_and_what_json_holds():
    hooks = explaining(["too far", MappingProxyType({"score": 0.5, 1: ("a",)}), None])

    said = hooks.explain("a", Query("q"), make_hits("x", "y", "z"))

    assert said == ("too far", {"score": 0.5, "1": ["a"]}, None)


def test_nothing_may_be_explained():
    assert explaining(None).explain("a", Query("q"), make_hits("x")) is None


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (["a", "b"], "2 answers for 1 hits"),
        ("a", "returned str, not a sequence"),
        ([3], "an explanation is a int, no text and no mapping"),
        ([{"a": object()}], "cannot be sent as JSON"),
        ([{"a": "\ud800"}], "cannot be sent as JSON"),
    ],
)
def test_an_explanation_that_breaks_the_contract_is_the_plugins_error(answer, problem):
    with pytest.raises(PluginError, match=problem) as caught:
        explaining(answer).explain("a", Query("q"), make_hits("x"))

    assert (caught.value.plugin, caught.value.hook) == ("a", "qrm_explain")
