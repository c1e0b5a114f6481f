import pytest

PHONE = {"match": {"title": "phone"}}
ACME, DEAR = {"term": {"brand": "acme"}}, {"range": {"price": {"gte": 400}}}


@pytest.fixture
def replaced(score):
    """The values of functions, without the score of the query."""

    def replaced(*functions, **options):
        body = {"query": PHONE, "functions": functions, "boost_mode": "replace", **options}
        return score({"function_score": body})

    return replaced


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("sum", 5), ("multiply", 6), ("avg", 5 / 5), ("first", 2), ("max", 3), ("min", 2)],
)
def test_values_are_combined_by_score_mode(replaced, mode, expected):
    scores = replaced({"filter": ACME, "weight": 2}, {"filter": DEAR, "weight": 3}, score_mode=mode)

    assert scores["3"] == pytest.approx(expected if mode != "avg" else 1.0)


@pytest.mark.parametrize(
    ("mode", "apply"),
    [
        ("multiply", lambda s: s * 4),
        ("sum", lambda s: s + 4),
        ("replace", lambda s: 4),
        ("avg", lambda s: (s + 4) / 2),
        ("max", lambda s: max(s, 4)),
        ("min", lambda s: min(s, 4)),
    ],
)
def test_values_change_scores_by_boost_mode(score, mode, apply):
    query = {"function_score": {"query": PHONE, "weight": 4, "boost_mode": mode}}

    plain = score(PHONE)
    assert score(query) == pytest.approx({k: apply(v) for k, v in plain.items()}, rel=1e-6)


def test_what_no_filter_matches_keeps_its_score(score):
    query = {"function_score": {"query": PHONE, "functions": [{"filter": ACME, "weight": 9}]}}

    plain, scores = score(PHONE), score(query)
    assert scores["3"] == pytest.approx(9 * plain["3"])
    assert scores["4"] == plain["4"]


def test_values_are_capped(replaced):
    assert set(replaced({"weight": 9}, max_boost=2).values()) == {2}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"field": "price"}, 500),
        ({"field": "price", "factor": 0.1}, 50),
        ({"field": "price", "modifier": "log1p"}, 2.6998377),
        ({"field": "price", "modifier": "sqrt", "factor": 2}, 31.622776),
        ({"field": "price", "modifier": "reciprocal"}, 0.002),
        ({"field": "nope", "missing": 7}, 7),
    ],
)
def test_the_value_of_a_field_counts(replaced, options, expected):
    assert replaced({"field_value_factor": options})["3"] == pytest.approx(expected)


@pytest.mark.parametrize(("kind", "expected"), [("gauss", 0.5), ("exp", 0.5), ("linear", 0.5)])
def test_values_decay_with_distance(replaced, kind, expected):
    near = {"origin": 480, "scale": 10, "offset": 10}

    scores = replaced({kind: {"price": near}})

    assert scores["3"] == pytest.approx(expected)
    assert scores["5"] < scores["3"]


def test_dates_decay_by_days(replaced):
    decay = {"released": {"origin": "2022-03-13", "scale": "10d"}}

    assert replaced({"gauss": decay})["3"] == pytest.approx(0.5)


def test_a_function_score_without_a_query_scores_everything(score):
    assert set(score({"function_score": {"weight": 3}}).values()) == {3.0}


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"script_score": {}}, "script_score"),
        ({"functions": [{"script_score": {}}]}, "script_score"),
        ({"functions": [{"random_score": {}}]}, "random_score"),
        ({"min_score": 1}, "min_score"),
        ({"weight": 1, "score_mode": "nope"}, "score_mode"),
        ({"weight": 1, "boost_mode": "nope"}, "boost_mode"),
        ({"functions": [5]}, "must be an object"),
        ({"functions": [{"gauss": {"price": {}}, "exp": {}}]}, "more than one"),
        ({"gauss": {"title": {"origin": 1, "scale": 1}}}, "title"),
        ({"gauss": {"price": {"origin": 1, "scale": 0}}}, "scale > 0"),
        ({"gauss": {"price": {"origin": 1, "scale": "x"}}}, "not a number"),
        ({"field_value_factor": {"field": "nope"}}, "Unable to find"),
        ({"field_value_factor": {"field": "stock"}}, "Missing value"),
        (
            {"field_value_factor": {"field": "price", "factor": -1, "modifier": "ln"}},
            "non-negative",
        ),
    ],
)
def test_other_functions_are_refused(refusal, body, problem):
    status, reason = refusal({"query": {"function_score": body}})

    assert status == 400
    assert problem in reason
