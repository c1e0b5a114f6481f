import pytest

from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes.feedback.engine import engine_arm


def test_an_engine_is_its_url_its_index_and_what_it_is_asked():
    arm = engine_arm("http://me:secret@host:9200/", "a,b*", fields=("title^2",), pipeline="_none")

    assert arm.asked == (
        "http://host:9200/a,b*/_search?qrm_pipeline=_none; multi_match best_fields on title^2"
    )
    assert arm.url == "http://me:secret@host:9200/a,b*"


@pytest.mark.parametrize(
    ("url", "fields", "message"),
    [
        ("localhost:9200", ("title",), "no URL of an engine"),
        ("http://localhost:9200", (), "nothing to ask"),
    ],
)
def test_what_cannot_be_searched_is_refused(url, fields, message):
    with pytest.raises(ConfigError, match=message):
        engine_arm(url, "shop", fields=fields)
