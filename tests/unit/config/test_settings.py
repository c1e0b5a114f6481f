from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from qrmiddleware.config.settings import (
    FilterSlot,
    MergeSettings,
    PipelineSettings,
    PluginSlot,
    RewardSlot,
    Settings,
    anchored,
)
from qrmiddleware.pipeline.options import MergeOptions, Options


def problem(**sections) -> str:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate(sections)
    return "; ".join(error["msg"] for error in caught.value.errors())


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"listen": {"tls_cert": "a.pem"}}, "tls_cert and tls_key go together"),
        ({"upstream": {"urls": []}}, "name at least one node"),
        (
            {"upstream": {"urls": ["localhost:9200"]}},
            "'localhost:9200' is no http:// or https:// URL",
        ),
        ({"upstream": {"username": "me"}}, "username and password go together"),
        (
            {"upstream": {"username": "a", "password": "b", "api_key": "c"}},
            "username and password, or api_key, not both",
        ),
        ({"upstream": {"embedded": True}, "listen": {"workers": 2}}, "lives in one process"),
        ({"limits": {"max_worker_bytes": 2**28}}, "set listen.workers to 2 or more"),
        ({"pipelines": {"_none": {}}}, "take another name"),
        (
            {"pipelines": {"a": {"merge": {"places": 5, "per": 5}}}},
            "places (5) must be fewer than per (5)",
        ),
        ({"pipelines": {"a": {"timeout_ms": 0}}}, "greater than 0"),
        ({"pipelines": {"a": {"rank_window_size": 10_001}}}, "less than or equal to 10000"),
        (
            {"pipelines": {"a": {"filters": [{"plugin": "x", "action": "hide"}]}}},
            "'demote' or 'drop'",
        ),
        ({"limits": {"max_body_bytes": 1}}, "greater than or equal to 1024"),
    ],
)
def test_what_cannot_work_is_refused(sections, message):
    assert message in problem(**sections)


def test_one_name_may_stand_for_a_list_of_names():
    settings = PipelineSettings.model_validate({"index": "products*", "fields": "title"})

    assert (settings.index, settings.fields) == (("products*",), ("title",))


def test_a_plugins_own_options_are_what_its_place_does_not_know():
    slot = RewardSlot.model_validate({"plugin": "margin", "weight": 2, "model": "m", "depth": 3})

    assert slot.options == {"model": "m", "depth": 3}
    assert slot.weight == 2.0
    assert slot.ignore_failure
    assert FilterSlot(plugin="x").action == "demote"
    assert PluginSlot(plugin="x").options == {}


def test_settings_are_frozen():
    with pytest.raises(ValidationError):
        Settings().folder = Path("x")


def test_paths_are_anchored_in_tuples_too_and_text_is_left_alone():
    class Own(BaseModel):
        table: Path = Path("a.sqlite")
        more: tuple[Path, ...] = (Path("b"), Path("/c"))
        home: Path = Path("~/d")
        name: str = "e"

    own = anchored(Own(), Path("/etc/qrm"))

    assert own.table == Path("/etc/qrm/a.sqlite")
    assert own.more == (Path("/etc/qrm/b"), Path("/c"))
    assert own.home == Path.home() / "d"
    assert own.name == "e"


def test_the_defaults_are_those_of_the_core():
    own, core = PipelineSettings(), Options()

    assert MergeOptions(**MergeSettings().model_dump()) == core.merge
    for key in (
        "max_rewrites",
        "min_weight",
        "keep_identifiers",
        "rank_window_size",
        "attribution",
    ):
        assert getattr(own, key) == getattr(core, key)


def test_every_key_says_what_it_does():
    def undocumented(model):
        for name, field in model.model_fields.items():
            annotation = field.annotation
            if isinstance(annotation, type) and issubclass(annotation, BaseModel):
                assert annotation.__doc__
                yield from undocumented(annotation)
            elif not field.description and name != "pipelines":
                yield f"{model.__name__}.{name}"

    sections = (Settings, PipelineSettings, PluginSlot, FilterSlot, RewardSlot)
    assert [key for section in sections for key in undocumented(section)] == []
