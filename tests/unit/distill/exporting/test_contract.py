"""Every architecture that can be converted is, and says what it said; all others are refused."""

from typing import get_args

import pytest

from qrmiddleware.distill.exporting import converter
from qrmiddleware.distill.exporting.architectures import FAMILIES, Mend
from qrmiddleware.distill.exporting.export import export_student
from qrmiddleware.distill.exporting.parity import Thresholds
from qrmiddleware.errors import ConfigError
from qrmiddleware.students.folder import read_student

pytestmark = pytest.mark.students

CASES = [(name, kind, {}) for name, family in FAMILIES.items() for kind in family.kinds]
GATED = {"feed_forward_proj": "gated-gelu"}
LLAMA_31 = {
    "rope_type": "llama3",
    "rope_theta": 500.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}
VARIANTS = [
    ("bert", "cross_encoder", {"num_labels": 1}),
    ("bert", "cross_encoder", {"num_labels": 1, "token_types": False}),
    ("xlm-roberta", "cross_encoder", {"num_labels": 1}),
    ("t5", "generator", GATED | {"tie_word_embeddings": False}),
    ("llama", "generator", {"rope_parameters": {"rope_type": "default", "rope_theta": 500.0}}),
    ("llama", "generator", {"rope_parameters": LLAMA_31}),
    ("qwen3", "generator", {"tie_word_embeddings": True}),
    ("gpt2", "generator", {"tie_word_embeddings": False}),
]
RANDOM = Thresholds(correlation=0.98, cosine=0.98, equal_outputs=0.3)
"""A model with random weights is of two minds about most tokens, so int8 decides anew."""


@pytest.mark.parametrize(("family", "kind", "config"), [*CASES, *VARIANTS])
def test_an_export_says_what_its_checkpoint_says(make_checkpoint, tmp_path, family, kind, config):
    checkpoint = make_checkpoint(family, kind, **config)
    classes = kind == "cross_encoder" and config.get("num_labels") != 1

    made = export_student(
        checkpoint,
        tmp_path / "student",
        gains=(0.0, 1.0) if classes else (),
        thresholds=RANDOM,
    )

    assert made == read_student(tmp_path / "student").manifest
    assert (made.kind, made.architecture.family) == (kind, family)
    assert made.parity is not None
    assert made.parity.probes >= 50
    assert made.parity.float32_difference < 1e-3


@pytest.mark.parametrize("stored", ["float32", "float16", "int8_float16"])
def test_weights_can_be_stored_in_other_precisions(make_checkpoint, tmp_path, stored):
    checkpoint = make_checkpoint("bert", "bi_encoder")

    made = export_student(checkpoint, tmp_path / "student", stored=stored)

    assert made.stored == stored
    assert made.parity is not None
    assert made.parity.correlation > (0.99999 if "int8" not in stored else 0.98)


@pytest.mark.parametrize("family", ["modernbert", "deberta-v2", "electra", "mpnet"])
def test_what_cannot_be_converted_is_refused_with_what_can(make_checkpoint, tmp_path, family):
    checkpoint = make_checkpoint(family, "bi_encoder")

    with pytest.raises(ConfigError, match=r"no loader .* What can be a student: bert, roberta"):
        export_student(checkpoint, tmp_path / "student")

    assert not (tmp_path / "student").exists()


BROKEN = {
    "t5": (GATED | {"tie_word_embeddings": False}, "differs by up to"),
    "mt5": ({}, "differs by up to"),
    "bart": ({}, "normalize_before"),
}


@pytest.mark.parametrize("family", BROKEN)
def test_the_stock_converter_does_not_come_through(make_checkpoint, tmp_path, monkeypatch, family):
    """Shows that the mends are needed, and that the gate notices where one is missing."""
    config, problem = BROKEN[family]
    checkpoint = make_checkpoint(family, "generator", **config)
    monkeypatch.setattr(converter, "_MENDS", dict.fromkeys(get_args(Mend), lambda _: None))

    with pytest.raises(ConfigError, match=problem):
        export_student(checkpoint, tmp_path / "student", thresholds=RANDOM)

    assert list(tmp_path.iterdir()) == [checkpoint]


def test_the_gate_notices_what_the_runtime_takes_for_granted(make_checkpoint, tmp_path):
    """CTranslate2 takes 8192 for the context that Llama 3.1's rotations were scaled from."""
    rotations = LLAMA_31 | {"original_max_position_embeddings": 32}
    checkpoint = make_checkpoint("llama", "generator", rope_parameters=rotations)

    with pytest.raises(ConfigError, match="the conversion itself is wrong"):
        export_student(checkpoint, tmp_path / "student", thresholds=RANDOM)

    assert not (tmp_path / "student").exists()
