import pytest

from qrmiddleware.upstream.embedded.problems import ApiError
from qrmiddleware.upstream.embedded.queries.matching import enough, read_wording


@pytest.mark.parametrize(
    ("asked", "optional", "needed"),
    [
        (None, 4, 0),
        (2, 4, 2),
        ("3", 4, 3),
        (-1, 4, 3),
        ("75%", 4, 3),
        ("70%", 4, 2),
        ("-25%", 4, 3),
        ("-30%", 4, 3),
        ("2<75%", 2, 2),
        ("2<75%", 4, 3),
        ("2<-25% 9<-3", 10, 7),
        ("2<-25% 9<-3", 8, 6),
        ("2 < -25% 9 < -3", 2, 2),
        (-9, 4, 0),
    ],
)
def test_minimum_should_match_is_read_as_lucene_reads_it(asked, optional, needed):
    assert enough(asked, optional) == needed


def test_what_cannot_be_read_is_refused():
    with pytest.raises(ApiError, match="minimum_should_match"):
        enough("most", 3)
    with pytest.raises(ApiError, match="operator"):
        read_wording({"operator": "xor"})
    with pytest.raises(ApiError, match="maxExpansions"):
        read_wording({"max_expansions": 0})
