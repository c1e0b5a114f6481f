import pytest
import yaml

from qrmiddleware.config.load import load_settings
from qrmiddleware_benchmarks.arms import Direct, Proxy
from qrmiddleware_benchmarks.scenarios import FAULT_TIMEOUT_MS, FAULTS, SCENARIOS


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_a_scenario_asks_a_question_and_compares_with_the_upstream_itself(scenario):
    assert scenario.question.endswith("?")
    assert scenario.meaning
    assert isinstance(next(iter(scenario.arms.values())).front, Direct)
    assert scenario.rate_hz > 0


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_every_pipeline_is_a_valid_configuration(scenario, tmp_path):
    file = tmp_path / "qrmiddleware.yaml"
    for spec in scenario.arms.values():
        if isinstance(spec.front, Proxy):
            tree = {
                "pipelines": {"default": spec.front.pipeline or {}},
                "limits": spec.front.limits,
            }
            file.write_text(yaml.safe_dump(tree))

            assert load_settings(file, environment={}).pipelines


def test_faults_are_slower_than_the_time_that_they_are_given():
    slow = FAULTS.arms["slow"].front

    assert slow.pipeline["timeout_ms"] == FAULT_TIMEOUT_MS
    assert slow.pipeline["rewriters"][0]["sleep_ms"] > FAULT_TIMEOUT_MS
