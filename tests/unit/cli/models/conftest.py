"""Students' folders to look into, made without torch."""

import runpy
from pathlib import Path

import pytest
from safetensors.numpy import save_file

from qrmiddleware.students.folder import write_student
from qrmiddleware.students.manifest import Architecture, Inputs, Manifest, Parity, Provenance

PARTS = runpy.run_path(str(Path(__file__).parents[2] / "students" / "conftest.py"))
"""How the runtime's own tests draw encoders, tokenizers and heads."""


@pytest.fixture
def make_student(tmp_path):
    """Write a student's folder below the current one."""

    def make(path="models/margin", kind="cross_encoder", *, spoil=None, **fields):
        folder = tmp_path / path
        tokenizer = PARTS["bert_tokenizer"]()
        vocabulary = tokenizer.get_vocab_size()
        PARTS["write_encoder"](folder / "model", vocabulary=vocabulary)
        tokenizer.save(str(folder / "tokenizer.json"))
        if kind == "cross_encoder":
            head = PARTS["draw_head"]()
            if spoil is not None:
                spoil(head)
            save_file(head, folder / "head.safetensors")
        architecture = Architecture(
            family="bert",
            layers=PARTS["LAYERS"],
            hidden=PARTS["HIDDEN"],
            vocabulary=vocabulary,
            parameters=12_345_678,
            pooling="pooler",
        )
        plain = {
            "name": "margin",
            "architecture": architecture,
            "inputs": Inputs(max_query_tokens=8, max_tokens=32, token_types=True),
            "provenance": Provenance(recipe="walmart_kd", licence="apache-2.0"),
            "quality": {"nDCG@10": 0.91},
            "parity": Parity(probes=84, float32_difference=2e-6, correlation=0.997),
        }
        write_student(folder, Manifest(kind=kind, files={}, **(plain | fields)))
        return folder

    return make
