"""``qrm models`` as a whole."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("command", ["list", "inspect", "verify", "export", "score"])
def test_every_command_has_help_with_examples(qrm, command):
    ran = qrm("models", command, "--help")

    assert ran.code == 0
    assert f"qrm models {command}" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 100


def test_help_loads_no_library_of_the_students():
    code = (
        "import sys; from qrmiddleware.cli.app import build_app; build_app(); "
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )

    loaded = subprocess.check_output([sys.executable, "-c", code], text=True).split()

    heavy = {"numpy", "ctranslate2", "tokenizers", "safetensors", "torch", "transformers"}
    assert not heavy & set(loaded)
