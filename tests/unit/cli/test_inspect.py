"""``qrm plugins``, ``qrm rewrite`` and ``qrm explain``."""

import json
import re

import pytest
import yaml

from qrmiddleware.testing.students import make_student
from qrmiddleware.upstream.embedded.engine import EmbeddedEngine


@pytest.fixture
def shop(config):
    """Index two products for the configuration."""
    engine = EmbeddedEngine(config.parent / "data")
    for number, title in enumerate(["acme [pro] laptop", "acme notebook"]):
        body = json.dumps({"title": title}).encode()
        engine.handle("PUT", f"/shop/_doc/d{number}?refresh=true", [], body)
    engine.close()
    return config


def test_plugins_are_listed_with_hooks_and_options(qrm):
    ran = qrm("plugins")

    assert ran.code == 0
    assert "rules" in ran.out
    assert "qrm_rewrite" in ran.out
    assert "ignore_case │ boolean" in ran.out
    assert "true" in ran.out
    assert "None" not in ran.out


def test_plugins_can_be_listed_for_machines(qrm):
    found = json.loads(qrm("plugins", "--json").out)

    assert {"rules", "rewrite_table"} <= {plugin["name"] for plugin in found}


def test_an_option_with_keys_of_its_own_is_shown_by_these(qrm):
    found = {plugin["name"]: plugin for plugin in json.loads(qrm("plugins", "--json").out)}

    types = {option["name"]: option["type"] for option in found["walmart_kd"]["options"]}

    assert types["runtime"].startswith("{device, device_indexes, compute_type")


def test_rewrites_are_shown_with_what_becomes_of_them(qrm, config):
    ran = qrm("rewrite", "laptop", "-c", config)

    assert ran.code == 0
    assert "notebook" in ran.out
    assert "admitted" in ran.out
    assert "rules.txt:1" in re.sub(r"[\s│]", "", ran.out)  # a long path is wrapped


def test_it_is_said_when_nothing_is_proposed(qrm, config):
    ran = qrm("rewrite", "mouse", "-c", config)

    assert ran.code == 0
    assert "nothing was proposed" in ran.out


def test_an_unknown_pipeline_is_refused_naming_the_known_ones(qrm, config):
    ran = qrm("rewrite", "laptop", "-c", config, "--pipeline", "shoes")

    assert ran.code == 2
    assert "unknown pipeline [shoes]; known are: default, _none" in ran.err


def test_a_search_is_explained_hit_by_hit(qrm, shop):
    ran = qrm("explain", "laptop", "-c", shop, "-i", "shop", "--fields", "title")

    assert ran.code == 0
    assert "pipeline default · outcome handled · merge dis_max" in ran.out
    assert "Hits of 2" in ran.out
    assert "acme [pro] laptop" in ran.out
    assert "│ notebook │ acme notebook" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 100


def test_a_search_can_be_explained_with_the_shops_own_body(qrm, shop, tmp_path):
    (tmp_path / "body.json").write_text('{"query": {"match": {"title": "{{query}}"}}}')

    ran = qrm("explain", 'lap"top', "-c", shop, "-i", "shop", "--body", "body.json", "--json")

    assert json.loads(ran.out)["ext"]["qrm"]["query"] == 'lap"top'


def test_a_body_that_is_no_json_is_named(qrm, shop, tmp_path):
    (tmp_path / "body.json").write_text("{")

    ran = qrm("explain", "laptop", "-c", shop, "--body", "body.json")

    assert ran.code == 2
    assert "body.json" in ran.err


def test_a_missing_index_is_said(qrm, shop):
    ran = qrm("explain", "laptop", "-c", shop, "-i", "nowhere")

    assert ran.code == 1
    assert "no such index [nowhere]" in ran.err


def test_an_unreachable_engine_is_said(qrm, shop):
    ran = qrm("explain", "laptop", "-c", shop, "-u", "http://127.0.0.1:1")

    assert ran.code == 1
    assert "cannot connect" in ran.err


def test_an_index_without_a_pipeline_is_said(qrm, shop):
    shop.write_text(shop.read_text().replace("default:", 'default:\n    index: "other*"'))

    ran = qrm("explain", "laptop", "-c", shop, "-i", "shop")

    assert ran.code == 1
    assert "no pipeline serves this index" in ran.err


def test_what_a_filter_flagged_is_explained_by_who_did(qrm, shop, tmp_path):
    folder = make_student(tmp_path / "s", gains=(1.0, 0.5), aspects=("category", "brand"))
    student = {"plugin": "walmart_kd", "model": str(folder), "min_score": 1.0}
    config = yaml.safe_load(shop.read_text())
    config["pipelines"]["default"] |= {
        "timeout_ms": 10_000,
        "fields": ["title"],
        "filters": [{**student, "action": "drop", "tag": "floor"}],
    }
    shop.write_text(yaml.safe_dump(config))

    ran = qrm("explain", "laptop", "-c", shop, "-i", "shop", "--fields", "title")

    assert ran.code == 0
    words = re.sub(r"[\s│]", "", ran.out)
    assert words.count("dropped") == 2
    assert "flaggedbyfloor" in words
    assert re.search(
        r"category(match|mismatch|unspecified),brand(match|mismatch|unspecified)", words
    )
