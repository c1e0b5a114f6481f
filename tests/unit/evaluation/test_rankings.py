"""What a ranking knows."""

from qrmiddleware.evaluation.rankings import ArmRun, RankedHit, Ranking


def test_lists_its_documents_best_first():
    ranking = Ranking("q1", (RankedHit("b", 2.0), RankedHit("a", 1.0)))

    assert ranking.doc_ids == ("b", "a")


def test_rankings_where_equal_scores_decide_are_counted():
    def ranking(*scores):
        return Ranking("q", tuple(RankedHit(f"d{n}", s) for n, s in enumerate(scores)))

    run = ArmRun(
        "a",
        {
            "falls": ranking(3.0, 2.0, 1.0, 0.5),
            "tied inside": ranking(3.0, 3.0, 1.0),
            "tied at the edge": ranking(3.0, 2.0, 2.0),
            "tied beyond": ranking(3.0, 2.0, 1.0, 1.0),
            "empty": ranking(),
        },
        depth=10,
    )

    assert run.tied(2) == 2
