"""``qrm serve``, ``qrm check`` and ``qrm config-schema``."""

import json

import pytest

from qrmiddleware.testing.students import make_student


def test_a_configuration_that_works_is_said_to(qrm, config):
    ran = qrm("check", "-c", config)

    assert ran.code == 0
    assert "default" in ran.out
    assert "rules" in ran.out
    assert "upstream answers: HTTP 200" in ran.out
    assert "configuration is fine" in ran.out


def test_an_engine_that_does_not_answer_is_exit_code_1(qrm, config):
    ran = qrm("check", "-c", config, "--upstream", "http://127.0.0.1:1")

    assert ran.code == 1
    assert "does not answer" in ran.err + ran.out
    assert "http://127.0.0.1:1" in ran.err + ran.out


def test_the_engine_is_not_asked_offline(qrm, config):
    ran = qrm("check", "-c", config, "--upstream", "http://127.0.0.1:1", "--offline")

    assert ran.code == 0


def test_a_student_is_opened_and_said_to_be_where_it_computes(qrm, tmp_path):
    make_student(tmp_path / "models" / "margin")
    (tmp_path / "qrmiddleware.yaml").write_text(
        "pipelines: {default: {rewards: [{plugin: walmart_kd, model: models/margin, "
        "runtime: {device: cpu, compute_type: float32, inter_threads: 1, intra_threads: 1}}]}}"
    )

    ran = qrm("check", "--offline")

    assert ran.code == 0
    rows = [" ".join(line.replace("│", " ").split()) for line in ran.out.splitlines()]
    assert "default walmart_kd model.kind cross_encoder" in rows
    assert "default walmart_kd model.device cpu, float32" in rows
    assert "gpu_failures" not in ran.out


@pytest.mark.parametrize("command", ["check", "serve", "rewrite"])
def test_a_missing_rules_file_is_said_at_start(qrm, config, command):
    (config.parent / "rules.txt").unlink()

    ran = qrm(*(command, "laptop") if command == "rewrite" else [command], "-c", config)

    assert ran.code == 2
    assert "pipeline 'default'" in ran.err
    assert "rules.txt" in ran.err
    assert "Traceback" not in ran.err


def test_a_missing_table_is_said_at_start(qrm, config):
    config.write_text(
        "pipelines: {default: {rewriters: [{plugin: rewrite_table, path: nowhere.sqlite}]}}"
    )

    ran = qrm("serve", "-c", config)

    assert ran.code == 2
    assert "nowhere.sqlite" in ran.err


@pytest.mark.parametrize(
    ("slot", "problem"),
    [
        (
            "{plugin: ruels}",
            "no plugin 'ruels' is installed; installed are: beque, crsd, ellm_rele, ",
        ),
        ("{plugin: rules, pth: a}", "option pth: "),
        ("{plugin: rules, path: rules.txt, limit: many}", "option limit: "),
    ],
)
def test_what_is_wrong_with_a_plugin_is_said_with_its_place(qrm, config, slot, problem):
    config.write_text(f"pipelines: {{shop: {{rewriters: [{slot}]}}}}")

    ran = qrm("check", "-c", config)

    assert ran.code == 2
    assert "pipelines.shop.rewriters" in ran.err
    assert problem in ran.err


def test_the_schema_is_json_schema(qrm):
    ran = qrm("config-schema")

    schema = json.loads(ran.out)
    assert schema["type"] == "object"
    assert {"listen", "upstream", "pipelines"} <= set(schema["properties"])
