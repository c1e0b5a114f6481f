"""What a ranking knows."""

from qrmiddleware.evaluation.rankings import RankedHit, Ranking


def test_lists_its_documents_best_first():
    ranking = Ranking("q1", (RankedHit("b", 2.0), RankedHit("a", 1.0)))

    assert ranking.doc_ids == ("b", "a")
