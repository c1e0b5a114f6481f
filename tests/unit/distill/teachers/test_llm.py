import time

import pytest

from qrmiddleware.distill.chains import Chain
from qrmiddleware.distill.classes import ESCI, read_classes
from qrmiddleware.distill.label_store import LabelStore, read_labels
from qrmiddleware.distill.labelling import FailureLimit, label_all
from qrmiddleware.distill.labels import Label, LabellingError, Pair, StoppedError, Unlabelled
from qrmiddleware.distill.teachers.prompt import Prompt, load_prompt
from qrmiddleware.distill.teachers.spending import Prices
from qrmiddleware.distill.teachers.table_server import TableServer


def by_document(outcomes):
    return {each.doc_id if isinstance(each, Label) else each.pair.doc_id: each for each in outcomes}


def grades(outcomes):
    return {doc_id: each.grade for doc_id, each in sorted(by_document(outcomes).items())}


def chained(teacher, **options):
    asked = {"mode": "chain", "prompt": load_prompt(chain=True), "concurrency": 1}
    return teacher(**asked, **options)


ALL = {"d0": "E", "d1": "S", "d2": "C", "d3": "E", "d4": "I"}


def test_labels_are_the_classes_that_the_model_wrote(teacher, pairs, server):
    asked = teacher()

    labels = by_document(asked.label(pairs))

    assert {key: label.grade for key, label in sorted(labels.items())} == ALL
    assert [labels[f"d{n}"].target for n in range(5)] == [1.0, 0.5, 0.0, 1.0, 0.0]
    assert labels["d0"].pair == pairs[0].key
    assert labels["d0"].teacher == asked.name
    assert (labels["d0"].prompt_tokens, labels["d0"].completion_tokens) == (100, 3)
    assert len(server.requests) == 5


def test_asks_with_a_schema_of_the_classes_and_at_temperature_0(teacher, pairs, server):
    list(teacher(body={"seed": 7, "max_tokens": None}).label(pairs[:1]))

    (body,) = server.requests
    assert (body["model"], body["temperature"], body["seed"]) == ("m", 0, 7)
    assert "max_tokens" not in body
    schema = body["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["grade"]["enum"] == ["E", "S", "C", "I"]


def test_an_endpoint_that_takes_no_schema_is_asked_without_from_then_on(teacher, pairs, server):
    server.schema = False

    assert grades(teacher(concurrency=1).label(pairs)) == ALL
    assert ["response_format" in body for body in server.requests] == [True, *[False] * 5]


def test_a_request_that_is_refused_with_and_without_schema_costs_its_pair_only(
    teacher, pairs, server
):
    server.script.extend(["rejected", "rejected"])

    outcomes = by_document(teacher(concurrency=1).label(pairs))

    assert outcomes["d0"].reason == "rejected"
    assert "HTTP 400" in outcomes["d0"].detail
    assert outcomes["d1"].grade == "S"


def test_several_products_of_a_query_share_a_prompt(teacher, pairs, server):
    outcomes = list(teacher(products_per_prompt=2).label(pairs))

    assert grades(outcomes) == ALL
    assert len(server.requests) == 3
    assert sorted(each.prompt_tokens for each in outcomes) == [50, 50, 50, 50, 100]


def test_of_several_products_those_that_got_no_grade_stay_without(teacher, pairs):
    unknown = Pair("laptop", "d9", "Something that nobody knows")

    outcomes = by_document(teacher(products_per_prompt=10).label([*pairs[:2], unknown]))

    assert outcomes["d0"].grade == "E"
    assert outcomes["d1"].grade == "S"
    assert outcomes["d9"].reason == "no grade"


def test_probabilities_are_read_off_the_first_token(teacher, pairs, server):
    labels = by_document(teacher(mode="logprobs").label(pairs))

    assert labels["d1"].probabilities == pytest.approx({"E": 0.2, "S": 0.6, "C": 0.1, "I": 0.1})
    assert labels["d1"].grade == "S"
    assert labels["d1"].target == pytest.approx(0.5)
    assert labels["d0"].target == pytest.approx(0.95)
    assert server.requests[0]["logprobs"] is True
    assert server.requests[0]["max_tokens"] == 1
    assert "response_format" not in server.requests[0]


def test_reasons_are_chains_that_can_be_read_again(teacher, pairs, server):
    labels = by_document(teacher(mode="chain", prompt=load_prompt(chain=True)).label(pairs))

    assert {key: label.grade for key, label in sorted(labels.items())} == ALL
    assert Chain.read(labels["d1"].reason, ESCI).conclusion == "S"
    assert labels["d1"].target == 0.5
    assert "response_format" not in server.requests[0]
    assert "conclusion: <one of E, S, C, I>" in server.requests[0]["messages"][0]["content"]


def test_what_is_no_chain_is_no_label(teacher, pairs, server):
    server.script.extend(["prose", "half-json", "ok", "empty", "cut-off"])

    outcomes = by_document(chained(teacher).label(pairs))

    assert outcomes["d0"].reason == "no chain"
    assert "is no line of a chain" in outcomes["d0"].detail
    assert (outcomes["d0"].unread, outcomes["d0"].prompt_tokens) == (2, 200)
    assert outcomes["d1"].grade == "S"
    assert outcomes["d2"].reason == "cut off"


@pytest.mark.parametrize("trouble", ["prose", "half-json", "wrong-label", "empty", "cut-off"])
def test_reasons_that_cannot_be_read_are_asked_for_again_at_a_temperature(
    teacher, pairs, server, trouble
):
    server.script.append(trouble)

    (label,) = chained(teacher, body={"seed": 7}).label(pairs[:1])

    assert (label.grade, label.unread) == ("E", 1)
    assert (label.prompt_tokens, label.completion_tokens > 2) == (200, True)
    first, second = server.requests
    assert (first["temperature"], first["seed"]) == (0, 7)
    assert (second["temperature"], second["seed"]) == (0.3, 8)
    assert first["messages"] == second["messages"]


def test_what_is_no_matter_of_reading_is_not_asked_again(teacher, pairs, server):
    server.script.extend(["refusal", "filter"])

    outcomes = by_document(chained(teacher).label(pairs[:2]))

    assert (outcomes["d0"].reason, outcomes["d1"].reason) == ("refusal", "content filter")
    assert (outcomes["d0"].unread, len(server.requests)) == (0, 2)


def test_of_several_products_only_those_are_asked_about_again_that_need_it(teacher, pairs, server):
    unknown = Pair("laptop", "d9", "Something that nobody knows")

    outcomes = by_document(
        teacher(products_per_prompt=10, ask_again=2).label([*pairs[:2], unknown])
    )

    assert (outcomes["d0"].grade, outcomes["d1"].grade) == ("E", "S")
    assert (outcomes["d9"].reason, outcomes["d9"].unread) == ("no grade", 3)
    first, *later = (body["messages"][1]["content"].count("<product ") for body in server.requests)
    assert (first, later) == (3, [1, 1])
    assert outcomes["d0"].prompt_tokens < outcomes["d9"].prompt_tokens


def test_a_limit_of_cost_between_two_attempts_keeps_what_came_of_the_first(teacher, pairs, server):
    server.script.append("prose")
    guess = chained(teacher).estimate(pairs[:1]).prompt_tokens
    cost = {"prices": Prices(prompt=1e6), "cost_limit": guess + 99}  # 100 are spent by then
    outcomes = chained(teacher, **cost).label(pairs[:1])

    first = next(outcomes)
    with pytest.raises(StoppedError):
        next(outcomes)

    assert (first.reason, first.prompt_tokens, len(server.requests)) == ("no chain", 100, 1)


def test_what_is_asked_again_costs_what_all_its_answers_do(teacher, pairs, server):
    server.script.extend(["prose", "ok", "prose", "prose"])
    asked = chained(teacher, prices=Prices(prompt=1e4), cost_limit=100.0, ask_again=1)

    outcomes = list(asked.label(pairs[:2]))

    assert sum(each.prompt_tokens for each in outcomes) == 100 * len(server.requests) == 400


class Wavering(TableServer):
    """Says one thing after the other, whatever it is asked."""

    def __init__(self, *said):
        super().__init__({})
        self.said = said

    def reply(self, body):
        said = self.said[(len(self.requests) - 1) % len(self.said)]
        choice = {"message": {"content": said}, "finish_reason": "stop"}
        return {"choices": [choice], "usage": {"prompt_tokens": 100, "completion_tokens": 40}}


def said(conclusion, brand="match", note=""):
    return (
        f"category: match{note}\nbrand: {brand}\nmodel: unspecified\nattribute: unspecified\n"
        f"conclusion: {conclusion}"
    )


def test_samples_vote(teacher, pairs):
    one, other = said("S", "mismatch", " (bag)"), said("S", "match", " (sleeve)")
    with Wavering(one, other, said("E"), other, said("E")) as server:
        asked = chained(teacher, url=server.url, samples=5, body={"seed": 1})

        (label,) = asked.label(pairs[:1])

    assert label.probabilities == pytest.approx({"E": 0.4, "S": 0.6, "C": 0, "I": 0})
    assert (label.grade, label.reason) == ("S", other)
    assert label.target == pytest.approx(0.4 + 0.6 / 2)
    assert (label.prompt_tokens, label.completion_tokens, label.unread) == (500, 200, 0)
    assert {body["temperature"] for body in server.requests} == {0.7}
    assert [body["seed"] for body in server.requests] == [1, 2, 3, 4, 5]


def test_samples_that_cannot_be_read_have_no_vote(teacher, pairs):
    with Wavering(said("S"), "It is a bag.", said("S"), "", said("I")) as server:
        (label,) = chained(teacher, url=server.url, samples=5).label(pairs[:1])

    assert label.probabilities == pytest.approx({"E": 0, "S": 2 / 3, "C": 0, "I": 1 / 3})
    assert (label.unread, len(server.requests)) == (2, 5)


@pytest.mark.parametrize(("samples", "readable", "labelled"), [(4, 2, True), (5, 2, False)])
def test_half_of_the_samples_must_be_readable(teacher, pairs, samples, readable, labelled):
    with Wavering(*[said("S")] * readable, *["Nice!"] * (samples - readable)) as server:
        (outcome,) = chained(teacher, url=server.url, samples=samples).label(pairs[:1])

    assert isinstance(outcome, Label) is labelled
    assert (outcome.unread, outcome.prompt_tokens) == (samples - readable, 100 * samples)
    if not labelled:
        assert outcome.reason == "too few readable samples"
        assert "2 of 5 could be read; no chain: 'Nice!'" in outcome.detail


@pytest.mark.parametrize(("least", "labelled"), [(0.5, True), (0.6, False)])
def test_samples_that_disagree_too_much_are_no_label(teacher, pairs, least, labelled):
    with Wavering(said("S"), said("E")) as server:
        asked = chained(teacher, url=server.url, samples=2, least_agreement=least)
        (outcome,) = asked.label(pairs[:1])

    assert isinstance(outcome, Label) is labelled
    if not labelled:
        assert outcome.reason == "no agreement"
        assert outcome.detail == "E 50%, S 50%, C 0%, I 0% of 2 votes"


def test_samples_are_drawn_all_or_not_at_all(teacher, pairs):
    with Wavering(said("S")) as server:
        guess = chained(teacher).estimate(pairs[:1]).prompt_tokens
        cost = {"prices": Prices(prompt=1e6), "cost_limit": 3 * guess - 1}
        outcomes = chained(teacher, url=server.url, samples=3, **cost).label(pairs[:1])

        with pytest.raises(StoppedError):
            list(outcomes)

    assert server.requests == []


def test_an_estimate_counts_samples_and_can_be_multiplied(teacher, pairs):
    one, five = chained(teacher).estimate(pairs), chained(teacher, samples=5).estimate(pairs)

    assert five == one.times(5)
    assert (one.requests, one.completion_tokens) == (5, 600)


def test_a_model_whose_first_token_is_no_class_labels_nothing(teacher):
    (outcome,) = teacher(mode="logprobs").label([Pair("laptop", "d9", "Unknown")])

    assert outcome.reason == "no class token"


def test_an_endpoint_without_log_probabilities_labels_nothing(teacher, pairs, server):
    server.script.append("prose")

    (outcome,) = teacher(mode="logprobs").label(pairs[:1])

    assert outcome.reason == "no log-probabilities"


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        ("prose", "prose"),
        ("half-json", "half a JSON"),
        ("wrong-label", "wrong label"),
        ("empty", "empty answer"),
        ("no-choices", "no choice"),
        ("refusal", "refusal"),
        ("filter", "content filter"),
        ("cut-off", "cut off"),
    ],
)
def test_a_bad_answer_is_no_label_but_a_reason(teacher, pairs, server, trouble, reason):
    server.script.append(trouble)

    outcomes = by_document(teacher(concurrency=1).label(pairs))

    bad = outcomes["d0"]
    assert isinstance(bad, Unlabelled)
    assert (bad.reason, bad.pair, bad.prompt_tokens) == (reason, pairs[0], 100)
    assert bad.detail
    assert outcomes["d1"].grade == "S"


@pytest.mark.parametrize("trouble", ["rate-limit", "server-error", "disconnect", "not-json"])
def test_what_may_pass_is_asked_again(teacher, pairs, server, trouble):
    server.script.append(trouble)

    assert grades(teacher().label(pairs)) == ALL
    assert len(server.requests) == 6


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [("rate-limit", "rate limited"), ("server-error", "server error"), ("not-json", "no JSON")],
)
def test_what_does_not_pass_is_a_reason(teacher, pairs, server, trouble, reason):
    server.script.extend([trouble] * 3)

    outcomes = by_document(teacher(concurrency=1).label(pairs))

    assert outcomes["d0"].reason == reason
    assert outcomes["d1"].grade == "S"


def test_an_endpoint_that_hangs_is_not_waited_for(teacher, pairs, server):
    server.script.extend(["hang", "hang"])
    started = time.perf_counter()

    outcomes = by_document(teacher(timeout_s=0.2, attempts=2, concurrency=1).label(pairs))

    assert outcomes["d0"].reason == "timeout"
    assert "did not answer within 0.2 s" in outcomes["d0"].detail
    assert outcomes["d4"].grade == "I"
    assert time.perf_counter() - started < 5


def test_nobody_there_is_said_at_once(teacher, pairs):
    with pytest.raises(LabellingError, match=r"127\.0\.0\.1:9"):
        list(teacher(url="http://127.0.0.1:9/v1", attempts=2).label(pairs))


def test_a_wrong_key_ends_it_and_is_not_shown(teacher, pairs, server):
    server.script.extend(["unauthorized"] * 4)

    with pytest.raises(LabellingError, match="HTTP 401") as raised:
        list(teacher(api_key="secret-key").label(pairs))

    assert "secret-key" not in str(raised.value)
    assert server.headers["authorization"] == "Bearer secret-key"


def test_a_limit_of_cost_ends_it_after_what_is_on_its_way(teacher, pairs, server, tmp_path):
    cost = Prices(prompt=1e6 / 100, completion=0)  # a request costs 1, and its guess some more
    asked = teacher(prices=cost, cost_limit=8.0, concurrency=2)

    with LabelStore(tmp_path / "labels.jsonl") as store:
        tally = label_all(asked, pairs, store)

    assert "the limit of cost, 8, is reached" in tally.stopped
    assert 0 < tally.labelled < 5
    assert tally.labelled == len(server.requests) == len(read_labels(tmp_path / "labels.jsonl"))


def test_what_was_spent_counts_in_the_next_batch_too(teacher, pairs):
    asked = teacher(prices=Prices(prompt=1e4), cost_limit=8.0, concurrency=1)
    first = list(asked.label(pairs[:1]))

    assert len(first) == 1
    with pytest.raises(StoppedError):
        list(asked.label([*pairs, *pairs, *pairs]))


def test_an_estimate_asks_nobody(teacher, pairs, server):
    one = teacher().estimate(pairs)
    several = teacher(products_per_prompt=5).estimate(pairs)
    token = teacher(mode="logprobs").estimate(pairs)

    assert server.requests == []
    assert (one.requests, several.requests, token.completion_tokens) == (5, 2, 5)
    assert several.prompt_tokens < one.prompt_tokens / 2
    assert several.completion_tokens == one.completion_tokens == 40


def test_all_requests_stay_within_the_rate(teacher, pairs):
    started = time.perf_counter()

    list(teacher(requests_per_minute=600).label([*pairs] * 11))

    assert time.perf_counter() - started >= 0.4  # 50 at once, then 10 a second


def test_a_closed_iterator_ends_its_requests(teacher, pairs, server):
    server.script.extend(["ok", "hang", "hang", "hang"])
    outcomes = teacher(concurrency=4).label(pairs)
    started = time.perf_counter()

    first = next(outcomes)
    outcomes.close()

    assert first.grade in ALL.values()
    assert time.perf_counter() - started < 20


@pytest.mark.parametrize(
    "options",
    [
        {"mode": "logprobs"},
        {"products_per_prompt": 3},
        {"classes": ESCI.with_gains({"S": 0.1})},
        {"classes": read_classes(["Y=yes:1", "N=no:0"])},
        {"longest_text": 100},
        {"body": {"temperature": 1}},
        {"prompt": Prompt("relevance-1", load_prompt().parts | {"user": "$query $products!"})},
    ],
)
def test_whatever_may_change_answers_is_another_teacher(teacher, options):
    assert teacher(**options).name != teacher().name


def test_another_vote_is_another_teacher(teacher):
    asked = [{"samples": 3}, {"samples": 5}, {"samples": 3, "sample_temperature": 1.0}]
    asked += [{}, {"samples": 3, "least_agreement": 0.6}]

    assert len({chained(teacher, **options).name for options in asked}) == 5


def test_asking_again_is_the_same_teacher(teacher):
    assert chained(teacher, ask_again=3).name == chained(teacher).name


def test_where_how_fast_and_how_dear_a_model_is_does_not_matter(teacher):
    other = teacher(url="http://elsewhere/v1", concurrency=9, prices=Prices(1, 1), timeout_s=1)

    assert other.name == teacher().name
    assert other.name.startswith("llm:m:relevance-1:json:")


def test_a_run_through_trouble_ends_with_all_labels_after_another_run(
    teacher, pairs, server, tmp_path
):
    server.script.extend(["prose", "rate-limit", "half-json", "disconnect", "refusal"])
    with LabelStore(tmp_path / "labels.jsonl") as store:
        first = label_all(teacher(), pairs, store, limit=FailureLimit(1.0))
    server.requests.clear()

    with LabelStore(tmp_path / "labels.jsonl") as store:
        second = label_all(teacher(), pairs, store)

    assert first.failures == {"prose": 1, "half a JSON": 1, "refusal": 1}
    assert (second.known, second.labelled, len(server.requests)) == (2, 3, 3)
    assert grades(read_labels(tmp_path / "labels.jsonl")) == ALL
