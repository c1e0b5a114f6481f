import pytest
from pydantic import ValidationError

from qrmiddleware.students.manifest import Manifest

NETWORK = {
    "family": "bert",
    "layers": 2,
    "hidden": 8,
    "vocabulary": 30,
    "parameters": 900,
    "pooling": "pooler",
}
ASPECTS = {"aspects": ["brand"], "verdicts": ["match", "mismatch"]}
PLAIN = {"kind": "cross_encoder", "name": "tiny", "architecture": NETWORK, "files": {}}


def test_survives_being_written_and_read():
    manifest = Manifest.model_validate(PLAIN | {"labels": ["E", "I"], "gains": [1.0, 0.0]})

    assert Manifest.model_validate_json(manifest.model_dump_json()) == manifest


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"labels": ["E"]}, "1 labels have 0 gains"),
        ({"kind": "bi_encoder", "labels": ["E"], "gains": [1]}, "a bi_encoder has no labels"),
        ({"architecture": NETWORK | {"pooling": None}}, "needs architecture.pooling"),
        ({"files": {"head.safetensors": "00"}}, "head.safetensors"),
        ({"colour": "red"}, "colour"),
        ({"inputs": {"query_prefix": "query: "}}, "a cross_encoder has no query_prefix"),
        ({"labels": ["E"], "gains": [1.5]}, "less than or equal to 1"),
        ({"labels": ["E"], "gains": [float("nan")]}, "gains"),
        ({"calibration": {"slope": float("inf")}}, "slope"),
        ({"quality": {"nDCG@10": float("nan")}}, "finite"),
        ({"inputs": {"max_tokens": 10**9}}, "max_tokens"),
        ({"inputs": {"fields": []}}, "fields"),
        ({"schema_version": 2}, "schema_version"),
        ({"aspects": ["brand"]}, "1 aspects and 0 verdicts: name at least one aspect and two"),
        ({"verdicts": ["match", "mismatch"]}, "0 aspects and 2 verdicts"),
        ({"aspects": ["brand"], "verdicts": ["match"]}, "1 aspects and 1 verdicts"),
        ({**ASPECTS, "aspects": ["brand", "brand"]}, "aspects are brand, brand: each needs a name"),
        ({**ASPECTS, "verdicts": ["match", ""]}, "verdicts are match, : each needs a name"),
        ({**ASPECTS, "kind": "bi_encoder"}, "a bi_encoder has no aspects and verdicts"),
    ],
)
def test_refuses_what_does_not_fit(change, problem):
    with pytest.raises(ValidationError, match=problem):
        Manifest.model_validate(PLAIN | change)


def test_a_manifest_from_before_there_were_aspects_is_read():
    old = Manifest.model_validate(PLAIN).model_dump(mode="json", exclude={"aspects", "verdicts"})

    assert Manifest.model_validate(old).aspects == ()
