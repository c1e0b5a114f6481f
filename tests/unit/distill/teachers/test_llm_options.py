import pytest

from qrmiddleware.distill.teachers.llm_options import AGAIN_TEMPERATURE, LlmOptions
from qrmiddleware.distill.teachers.prompt import load_prompt
from qrmiddleware.errors import ConfigError


def reasoned(**options):
    return LlmOptions("m", "chain", prompt=load_prompt(chain=True), **options)


def test_log_probabilities_of_several_products_at_once_are_an_error():
    with pytest.raises(ConfigError, match="one product"):
        LlmOptions("m", "logprobs", products_per_prompt=2)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"samples": 3}, "samples are of reasons"),
        ({"mode": "chain", "samples": 3, "ask_again": 1}, "leave --ask-again out"),
        ({"mode": "chain", "samples": 3, "body": {"temperature": 0}}, "all alike"),
        ({"mode": "logprobs", "ask_again": 1}, "do not ask for them again"),
        ({"mode": "chain", "least_agreement": 0.5}, "agrees with itself"),
    ],
)
def test_ways_of_asking_that_make_no_sense_are_errors(options, said):
    prompt = load_prompt(chain=options.get("mode") == "chain")
    with pytest.raises(ConfigError, match=said):
        LlmOptions("m", prompt=prompt, **options)


def test_reasons_are_asked_for_again_once_and_nothing_else_is():
    assert (reasoned().again, reasoned(ask_again=0).again, reasoned(samples=3).again) == (1, 0, 0)
    assert (LlmOptions("m").again, LlmOptions("m", ask_again=2).again) == (0, 2)
    assert LlmOptions("m", "logprobs").again == 0


def test_a_later_attempt_is_warmer_and_counts_a_seed_on():
    options = reasoned(body={"seed": 7})

    first, third = options.request((), 1), options.request((), 1, attempt=2)

    assert (first["temperature"], third["temperature"]) == (0, AGAIN_TEMPERATURE)
    assert (first["seed"], third["seed"]) == (7, 9)


@pytest.mark.parametrize("temperature", [0.9, None])
def test_a_temperature_of_the_users_own_stays(temperature):
    body = reasoned(body={"temperature": temperature}).request((), 1, attempt=1)

    assert body.get("temperature") == temperature


def test_samples_are_all_drawn_at_their_temperature():
    options = reasoned(samples=3, sample_temperature=0.9)

    assert [options.request((), 1, attempt=n)["temperature"] for n in range(3)] == [0.9] * 3
