import random
import threading
import time

import pytest

from qrmiddleware import ConfigError, PluginError, Rewrite, hookimpl
from qrmiddleware.testing import check_plugin, doc_ids, make_hits


class Upper:
    """Keeps the contract, and counts what it is asked."""

    def __init__(self):
        self.calls = []

    @hookimpl
    def qrm_startup(self):
        self.calls.append("startup")

    @hookimpl
    def qrm_shutdown(self):
        self.calls.append("shutdown")

    @hookimpl
    def qrm_rewrite(self, query):
        self.calls.append(query.text)
        return [Rewrite(query.text.upper())] if query.text.strip() else None

    @hookimpl
    def qrm_filter(self, hits):
        return [bool(hit.source) for hit in hits]

    @hookimpl
    def qrm_reward(self, hits):
        return [-hit.score for hit in hits]

    @hookimpl
    def qrm_observe(self, trace):
        self.calls.append(trace.outcome)


def test_a_plugin_that_keeps_the_contract_passes():
    plugin = Upper()

    check_plugin(plugin, queries=["running shoes"])

    assert plugin.calls[0] == "startup"
    assert plugin.calls[-2:] == ["handled", "shutdown"]
    assert {"", "👟", "running shoes"} <= set(plugin.calls)


def test_a_plugin_whose_answers_change_is_caught():
    class Dice:
        @hookimpl
        def qrm_reward(self, hits):
            return [random.random() for _ in hits]  # noqa: S311 bad on purpose

    with pytest.raises(AssertionError, match="two answers to one question"):
        check_plugin(Dice())


def test_a_plugin_that_mixes_threads_up_is_caught():
    class Shared:
        @hookimpl
        def qrm_rewrite(self, query):
            self.text = f"{query.text.strip() or 'x'} {threading.get_ident()}"
            time.sleep(0.001)
            return [Rewrite(self.text)]

    with pytest.raises(AssertionError, match="two answers to one question"):
        check_plugin(Shared())


def test_a_misspelt_hook_is_caught():
    class Typo:
        @hookimpl
        def qrm_rewards(self, hits): ...

    with pytest.raises(ConfigError, match="qrm_rewards"):
        check_plugin(Typo())


def test_a_plugin_that_stumbles_over_awkward_input_is_caught():
    class Fragile:
        @hookimpl
        def qrm_rewrite(self, query):
            return [Rewrite(query.text.split()[0])]

    with pytest.raises(PluginError, match="IndexError"):
        check_plugin(Fragile())


def test_a_plugin_that_expects_a_field_is_caught():
    class Eager:
        @hookimpl
        def qrm_reward(self, hits):
            return [float(len(hit.source["title"])) for hit in hits]

    with pytest.raises(PluginError, match="KeyError"):
        check_plugin(Eager())


@pytest.mark.parametrize("hook", ["qrm_observe", "qrm_shutdown"])
def test_a_plugin_that_fails_aside_of_searches_is_caught(hook):
    def fail(self):
        raise RuntimeError("boom")

    plugin = type("Late", (), {hook: hookimpl(fail)})()

    with pytest.raises(PluginError, match=hook):
        check_plugin(plugin)


@pytest.mark.parametrize("status", [{"device": "cpu"}, None])
def test_a_plugin_that_says_how_it_does_passes(status):
    class Talks(Upper):
        @hookimpl
        def qrm_status(self):
            return status

    check_plugin(Talks())


def test_a_status_that_is_no_mapping_is_caught():
    class Talks(Upper):
        @hookimpl
        def qrm_status(self):
            return "fine"

    with pytest.raises(PluginError, match="not a mapping"):
        check_plugin(Talks())


def test_a_plugin_is_shut_down_though_it_failed():
    closed = []

    class Broken:
        @hookimpl
        def qrm_rewrite(self, query):
            raise RuntimeError("boom")

        @hookimpl
        def qrm_shutdown(self):
            closed.append(True)

    with pytest.raises(PluginError, match="boom"):
        check_plugin(Broken())

    assert closed


def test_made_hits_fall_in_score():
    hits = make_hits("red", "blue", field="name")

    assert doc_ids(hits) == ["d1", "d2"]
    assert [hit.score for hit in hits] == [1.0, 0.0]
    assert hits[1].source == {"name": "blue"}


def test_a_plugin_that_explains_too_little_is_caught():
    class Terse:
        @hookimpl
        def qrm_explain(self, hits):
            return ["so"]

    with pytest.raises(PluginError, match="qrm_explain: 1 answers for 0 hits"):
        check_plugin(Terse())
