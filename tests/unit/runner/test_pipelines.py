from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest
from pydantic import BaseModel

from qrmiddleware import ConfigError, RequestError, Rewrite, hookimpl
from qrmiddleware.config.settings import Settings
from qrmiddleware.model import Query, Trace
from qrmiddleware.pipeline.options import MergeOptions, Options
from qrmiddleware.runner import plugins
from qrmiddleware.runner.pipelines import Pipelines

NOTES = []


class Rewriter:
    """Proposes one rewrite."""

    class Settings(BaseModel):
        """Its options."""

        text: str = "sneaker"
        path: Path = Path("rules.txt")
        fails: bool = False

    def __init__(self, settings):
        self.settings = settings

    @hookimpl
    def qrm_startup(self):
        NOTES.append(f"{self.settings.text} up")
        if self.settings.fails:
            raise ConfigError("no such file")

    @hookimpl
    def qrm_shutdown(self):
        NOTES.append(f"{self.settings.text} down")

    @hookimpl
    def qrm_rewrite(self, query):
        return [Rewrite(self.settings.text)]

    @hookimpl
    def qrm_observe(self, trace):
        NOTES.append(trace.outcome)


class Judge:
    """Has an opinion on hits."""

    class Settings(BaseModel):
        """Its options."""

    def __init__(self, settings):
        pass

    @hookimpl
    def qrm_filter(self, hits):
        return [True] * len(hits)

    @hookimpl
    def qrm_reward(self, hits):
        return [0.0] * len(hits)


class Critic(Judge):
    """Says why, too."""

    @hookimpl
    def qrm_explain(self, hits):
        return ["so"] * len(hits)


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    """Install the plugins of this module."""
    NOTES.clear()
    here = {"rewriter": "Rewriter", "judge": "Judge", "critic": "Critic"}
    points = [EntryPoint(n, f"{__name__}:{value}", "qrmiddleware") for n, value in here.items()]
    monkeypatch.setattr(
        plugins, "entry_points", lambda group: EntryPoints(points).select(group=group)
    )


@pytest.fixture
def make():
    """Make pipelines from a configuration."""
    made = []

    def make(**pipelines):
        made.append(Pipelines(Settings.model_validate({"folder": "/etc", "pipelines": pipelines})))
        return made[-1]

    yield make
    for pipelines in made:
        pipelines.shutdown()


def test_a_pipeline_is_built_as_configured(make):
    (pipeline,) = make(
        shop={
            "index": ["products*"],
            "timeout_ms": 60,
            "rewriters": [{"plugin": "rewriter", "timeout_ms": 20, "ignore_failure": False}],
            "filters": [{"plugin": "judge", "action": "drop"}],
            "rewards": [{"plugin": "judge", "tag": "margin", "weight": 2}],
            "merge": {"policy": "quota", "places": 1, "per": 5},
            "rank_window_size": 50,
            "fields": "title",
        }
    )

    assert (pipeline.name, pipeline.timeout_s, pipeline.stages) == ("shop", 0.06, 3)
    assert pipeline.options == Options(
        merge=MergeOptions(policy="quota", places=1, per=5),
        rank_window_size=50,
        filters={"judge": "drop"},
        reward_weights={"margin": 2.0},
        fields=("title",),
    )
    (rewriter,) = pipeline.members["qrm_rewrite"]
    assert (rewriter.name, rewriter.timeout_s, rewriter.ignore_failure) == ("rewriter", 0.02, False)
    assert [m.name for m in pipeline.members["qrm_filter"]] == ["judge"]
    assert [m.name for m in pipeline.members["qrm_reward"]] == ["margin"]


def test_plugins_are_made_with_their_options(make):
    (pipeline,) = make(shop={"rewriters": [{"plugin": "rewriter", "text": "boot"}]})

    assert pipeline.hooks.rewrite("rewriter", Query("q")) == (Rewrite("boot"),)


@pytest.mark.parametrize(
    ("pipeline", "problem"),
    [
        (
            {"rewriters": [{"plugin": "none"}]},
            "pipelines.shop.rewriters: no plugin 'none' is installed; installed are: critic, ",
        ),
        (
            {"rewriters": [{"plugin": "rewriter", "text": []}]},
            "pipelines.shop.rewriters: plugin 'rewriter': option text:",
        ),
        (
            {"rewards": [{"plugin": "rewriter"}]},
            "pipelines.shop.rewards: plugin 'rewriter' has no qrm_reward; it has",
        ),
        (
            {"filters": [{"plugin": "judge"}], "rewards": [{"plugin": "judge"}]},
            "pipelines.shop.rewards: 'judge' stands in this pipeline twice; give each a tag",
        ),
    ],
)
def test_what_cannot_work_is_refused_where_it_stands(make, pipeline, problem):
    with pytest.raises(ConfigError) as caught:
        make(shop=pipeline)

    assert problem in str(caught.value)


def test_plugins_start_in_order_and_stop_last_first(make):
    rewriters = [{"plugin": "rewriter", "tag": name, "text": name} for name in ("a", "b")]
    pipelines = make(shop={"rewriters": rewriters})

    pipelines.startup()
    assert pipelines.shutdown() == []

    assert NOTES == ["a up", "b up", "b down", "a down"]


def test_a_plugin_that_cannot_start_is_named_with_its_pipeline(make):
    pipelines = make(shop={"rewriters": [{"plugin": "rewriter", "fails": True}]})

    with pytest.raises(ConfigError, match="pipeline 'shop': no such file"):
        pipelines.startup()


@pytest.mark.parametrize(
    ("index", "name"),
    [
        ("products", "shop"),
        ("products-2026", "shop"),
        ("products,products-old", "shop"),
        ("blog", "rest"),
        ("products,blog", "rest"),
        ("products*,-products-old", "shop"),
        ("", "rest"),
    ],
)
def test_the_first_pipeline_that_serves_every_index_is_selected(make, index, name):
    pipelines = make(shop={"index": ["products*"]}, rest={"index": "*"})

    assert pipelines.select(index).name == name


def test_an_index_that_no_pipeline_serves_has_none(make):
    pipelines = make(shop={"index": ["products*"]})

    assert pipelines.select("blog") is None
    assert pipelines.select("") is None


def test_a_client_may_name_its_pipeline_or_have_none(make):
    pipelines = make(shop={"index": ["products*"]}, other={"index": "x"})

    assert pipelines.select("products", "other").name == "other"
    assert pipelines.select("products", "_none") is None
    with pytest.raises(
        RequestError, match=r"unknown pipeline \[shp\]; known are: shop, other, _none"
    ):
        pipelines.select("products", "shp")


def test_observers_see_an_answered_search(make):
    (pipeline,) = make(shop={"rewriters": [{"plugin": "rewriter"}]})

    assert pipeline.observe(Trace(Query("q"), "shop", "handled")).result(5) == []

    assert NOTES == ["handled"]


def test_without_observers_nothing_is_done(make):
    (pipeline,) = make(shop={"filters": [{"plugin": "judge"}]})

    assert pipeline.observe(Trace(Query("q"), "shop", "handled")) is None


def test_of_filters_and_rewards_those_explain_that_can_and_their_failures_are_ignored(make):
    (pipeline,) = make(
        shop={
            "rewriters": [{"plugin": "rewriter"}],
            "filters": [{"plugin": "critic", "ignore_failure": False, "timeout_ms": 5}],
            "rewards": [{"plugin": "judge"}],
        }
    )

    (explainer,) = pipeline.explainers
    assert (explainer.name, explainer.ignore_failure, explainer.timeout_s) == (
        "critic",
        True,
        0.005,
    )
    assert explainer.breaker is not pipeline.members["qrm_filter"][0].breaker
    assert pipeline.stages == 3
