from collections.abc import Sequence
from textwrap import dedent

import pytest
from api_calls import Response
from yaml_runner import in_range, run_case, warning_text
from yaml_suite import Suite, read_cases


def described(path, *methods):
    parts = {part: {} for part in ("index", "id") if f"{{{part}}}" in path}
    way = {"path": path, "methods": list(methods), "parts": parts}
    return {"url": {"paths": [way]}, "params": {}}


APIS = {
    "_common": {"params": {}},
    "search": described("/{index}/_search", "POST"),
    "index": described("/{index}/_doc/{id}", "PUT"),
    "exists": described("/{index}/_doc/{id}", "HEAD"),
}
FOUND = Response(200, [], "…", {"hits": {"total": 2, "hits": [{"_id": "7"}, {"_id": "8"}]}})
MISSING = Response(
    404, [], "no such index [a]", {"error": {"type": "missing", "reason": "no such index [a]"}}
)


class Engine:
    """Gives the same answers in turn, the last one for ever, and keeps what it was asked."""

    def __init__(self, answers: Sequence[Response]) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[str, str, bytes | None]] = []

    def send(self, request):
        self.asked.append((request.method, request.target, request.body))
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def run(text, *answers, version="3.8.0"):
    (case,) = read_cases(dedent(text), group="search", file="10_basic")
    engine = Engine(answers or [FOUND])
    return run_case(case, Suite((case,), APIS), engine.send, version=version), engine.asked


def test_a_case_passes_when_everything_holds():
    outcome, asked = run("""
        setup:
          - do: {index: {index: a, id: 7, body: {x: 1}}}
        ---
        "Case":
          - do: {search: {index: a}}
          - match: {hits.total: 2}
          - length: {hits.hits: 2}
          - is_true: hits.hits.0._id
          - is_false: hits.hits.0._source
          - set: {hits.hits.1._id: id}
          - do: {index: {index: a, id: $id, body: {also: "${id}"}}}
          - match: {hits.hits.1._id: $id}
          - match: {$id: "8"}
        """)

    assert outcome.verdict == "pass", outcome.reason
    assert asked == [
        ("PUT", "/a/_doc/7", b'{"x": 1}'),
        ("POST", "/a/_search", None),
        ("PUT", "/a/_doc/8", b'{"also": "8"}'),
    ]


@pytest.mark.parametrize(
    "step",
    [
        "match: {hits.total: 3}",
        "length: {hits.hits: 1}",
        "is_true: hits.nothing",
        "is_false: hits.total",
        "gt: {hits.total: 2}",
        "likes: {hits.total: 2}",
    ],
)
def test_a_case_fails_where_one_check_does_and_says_where(step):
    outcome, _ = run(f'"Case":\n  - do: {{search: {{index: a}}}}\n  - {step}\n')

    assert outcome.verdict == "fail"
    assert outcome.reason.startswith("step 2, ")


def test_nothing_can_be_checked_before_anything_was_asked():
    outcome, _ = run("""
        setup:
          - do: {search: {index: a}}
        ---
        "Case":
          - match: {hits.total: 2}
        """)

    assert (outcome.verdict, "no response" in outcome.reason) == ("fail", True)


def test_an_error_that_is_not_caught_fails():
    outcome, _ = run('"Case":\n  - do: {search: {index: a}}\n', MISSING)

    assert outcome.verdict == "fail"
    assert "404: no such index" in outcome.reason


@pytest.mark.parametrize("catch", ["missing", "/no such index \\[a\\]/", "/type=missing/"])
def test_a_caught_error_can_be_looked_at(catch):
    outcome, _ = run(
        f"""
        "Case":
          - do: {{catch: '{catch}', search: {{index: a}}}}
          - match: {{error.type: missing}}
        """,
        MISSING,
    )

    assert outcome.verdict == "pass", outcome.reason


@pytest.mark.parametrize("catch", ["conflict", "request", "/no  such index/", "/something else/"])
def test_another_error_than_the_expected_one_fails(catch):
    outcome, _ = run(f"\"Case\":\n  - do: {{catch: '{catch}', search: {{index: a}}}}\n", MISSING)

    assert outcome.verdict == "fail"


@pytest.mark.parametrize("catch", ["missing", "request", "/hits/", "param"])
def test_an_expected_error_that_does_not_come_fails(catch):
    outcome, _ = run(f"\"Case\":\n  - do: {{catch: '{catch}', search: {{index: a}}}}\n")

    assert outcome.verdict == "fail"


def test_request_catches_errors_without_a_name_of_their_own():
    teapot = Response(418, [], "", "")

    outcome, _ = run('"Case":\n  - do: {catch: request, search: {index: a}}\n', teapot)

    assert outcome.verdict == "pass"


def test_a_parameter_error_can_be_caught_and_nothing_is_asked():
    caught, asked = run('"Case":\n  - do: {catch: param, search: {indx: a}}\n')
    uncaught, _ = run('"Case":\n  - do: {search: {indx: a}}\n')

    assert (caught.verdict, asked) == ("pass", [])
    assert uncaught.verdict == "fail"


def test_statuses_can_be_ignored():
    for ignore in ("404", "[400, 404]"):
        outcome, asked = run(
            f'"Case":\n  - do: {{search: {{index: a, ignore: {ignore}}}}}\n', MISSING
        )

        assert outcome.verdict == "pass"
        assert asked == [("POST", "/a/_search", None)]


@pytest.mark.parametrize(("status", "step"), [(200, "is_true: ''"), (404, "is_false: ''")])
def test_a_head_request_says_whether_it_is_there(status, step):
    outcome, _ = run(
        f'"Case":\n  - do: {{exists: {{index: a, id: 1}}}}\n  - {step}\n',
        Response(status, [], "", ""),
    )

    assert outcome.verdict == "pass", outcome.reason


def test_an_empty_text_is_a_text():
    outcome, _ = run(
        '"Case":\n  - do: {search: {index: a}}\n  - match: {$body: "/^$/"}\n',
        Response(200, [], "", ""),
    )

    assert outcome.verdict == "pass", outcome.reason


def test_of_several_calls_in_one_step_the_last_is_made():
    outcome, asked = run('"Case":\n  - do: {index: {index: a, id: 1}, search: {index: b}}\n')

    assert outcome.verdict == "pass"
    assert asked == [("POST", "/b/_search", None)]


@pytest.mark.parametrize(
    ("expected", "verdict"),
    [
        ("", "fail"),
        ("warnings: ['old [\"x\"]'], ", "pass"),
        ("allowed_warnings: ['old [\"x\"]', 'older'], ", "pass"),
        ("warnings: ['old [\"x\"]', 'older'], ", "fail"),
    ],
)
def test_warnings_are_expected_or_allowed(expected, verdict):
    warned = Response(200, [("warning", r'299 OpenSearch-3.8.0-abc "old [\"x\"]"')], "{}", {})

    outcome, _ = run(f'"Case":\n  - do: {{{expected}search: {{index: a}}}}\n', warned)

    assert outcome.verdict == verdict


def test_a_warning_is_read_without_its_code_and_date():
    value = '299 OpenSearch-3.8.0 "it is \\"old\\"" "Mon, 01 Jan 2029 00:00:00 GMT"'

    assert warning_text(value) == 'it is "old"'


def test_teardown_comes_after_a_failure_and_may_fail_itself():
    outcome, asked = run(
        """
        teardown:
          - do: {index: {index: gone, id: 1}}
          - do: {index: {index: rest, id: 1}}
        ---
        "Case":
          - do: {search: {index: a}}
        """,
        MISSING,
    )

    assert outcome.verdict == "fail"
    assert outcome.reason.startswith("step 1, do (POST /a/_search): answered 404")
    assert [target for _, target, _ in asked] == ["/a/_search", "/gone/_doc/1", "/rest/_doc/1"]


@pytest.mark.parametrize(
    "skip",
    [
        "features: teleportation",
        "features: [headers, teleportation]",
        "version: ' - 3.9.99'",
        "version: '2.0.0 - 2.1.0, 3.8.0 - '",
        "version: all",
    ],
)
def test_a_case_that_is_not_for_this_engine_or_runner_is_skipped(skip):
    outcome, asked = run(
        f"""
        setup:
          - do: {{search: {{index: a}}}}
        ---
        "Case":
          - skip: {{{skip}, reason: "so it is"}}
        """
    )

    assert (outcome.verdict, asked) == ("skip", [])
    assert "teleportation" in outcome.reason or "so it is" in outcome.reason


@pytest.mark.parametrize(
    "skip",
    [
        "features: [headers, warnings]",
        "features: 'headers, node_selector'",
        "version: ' - 3.7.99'",
        "version: ' - 7.3.99'",
    ],
)
def test_a_case_that_is_for_this_engine_and_runner_is_run(skip):
    outcome, _ = run(f'"Case":\n  - skip: {{{skip}}}\n  - do: {{search: {{index: a}}}}\n')

    assert outcome.verdict == "pass"


def test_a_node_that_is_not_there_skips_the_case():
    selected, _ = run(
        '"Case":\n  - do: {node_selector: {version: "3.0.0 - "}, search: {index: a}}\n'
    )
    absent, asked = run(
        '"Case":\n  - do: {node_selector: {version: " - 2.9.9"}, search: {index: a}}\n'
    )

    assert selected.verdict == "pass"
    assert (absent.verdict, asked) == ("skip", [])


@pytest.mark.parametrize(
    ("version", "bounds", "inside"),
    [
        ("3.8.0", "3.8.0 - 3.8.0", True),
        ("3.10.0", " - 3.9.0", False),
        ("3.8.0", " - 7.9.99", False),  # Elasticsearch's 7 came before OpenSearch's 1
        ("3.8.0", "7.10.0 - ", True),
        ("3.0.0-alpha1", "2.99.99 - 3.0.0", True),
    ],
)
def test_ranges_of_versions(version, bounds, inside):
    assert in_range(version, bounds) == inside


def test_a_connection_that_breaks_fails_the_case():
    def broken(request):
        raise ConnectionResetError(104, "reset")

    (case,) = read_cases('"Case":\n  - do: {search: {index: a}}\n', group="g", file="f")

    outcome = run_case(case, Suite((case,), APIS), broken, version="3.8.0")

    assert outcome.verdict == "fail"
    assert "reset" in outcome.reason
