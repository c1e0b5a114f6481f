"""``qrm models score``."""

import json

import pytest

from qrmiddleware.students.cross_encoder import CrossEncoder
from qrmiddleware.testing import students

TITLES = ("red shoe", "phone [case]", "laptop")


@pytest.fixture
def explaining(tmp_path):
    return students.make_student(
        tmp_path / "s", gains=(1.0, 0.5, 0.0), aspects=("category", "brand")
    )


def test_texts_are_scored_best_first_with_classes_and_verdicts(qrm, explaining):
    ran = qrm("models", "score", explaining, "red shoe", *TITLES, "--json")

    assert ran.code == 0
    found = json.loads(ran.out)
    opened = CrossEncoder.open(explaining)
    scores = dict(zip(TITLES, opened.scores("red shoe", TITLES).tolist(), strict=True))
    opened.close()
    assert [each["text"] for each in found] == sorted(TITLES, key=lambda text: -scores[text])
    for each in found:
        assert each["score"] == pytest.approx(scores[each["text"]], abs=0.02)
        assert sum(each["classes"].values()) == pytest.approx(1, abs=1e-5)
        assert list(each["aspects"]) == ["category", "brand"]
        assert all(sum(shares.values()) == pytest.approx(1) for shares in each["aspects"].values())


def test_the_likeliest_are_shown_with_their_probabilities(qrm, explaining):
    ran = qrm("models", "score", explaining, "red shoe", *TITLES)

    found = json.loads(qrm("models", "score", explaining, "red shoe", *TITLES, "--json").out)
    verdict, share = max(found[0]["aspects"]["brand"].items(), key=lambda pair: pair[1])
    assert ran.code == 0
    assert all(name in ran.out for name in ("class", "category", "brand", "phone [case]"))
    assert f"{verdict} {share:.0%}" in " ".join(ran.out.split())


@pytest.mark.parametrize("kind", ["cross_encoder", "bi_encoder"])
def test_who_has_a_score_only_shows_that(qrm, tmp_path, kind):
    folder = students.make_student(tmp_path / "s", kind)

    ran = qrm("models", "score", folder, "red shoe", *TITLES)

    assert ran.code == 0
    assert "class" not in ran.out
    assert "laptop" in ran.out


def test_a_generator_scores_nothing(qrm, make_student):
    folder = make_student(kind="generator")

    ran = qrm("models", "score", folder, "red shoe", "laptop")

    assert ran.code == 2
    assert "where a bi_encoder or cross_encoder is needed" in ran.err
