import json
import os
import re
import subprocess
import sys
from contextlib import closing

import numpy as np
import pytest
from safetensors.numpy import load_file
from typer.testing import CliRunner

from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes import command_options, gathering
from qrmiddleware.students.cross_encoder import CrossEncoder
from qrmiddleware.students.settings import RuntimeSettings
from qrmiddleware_walmart_kd.commands import app

ONE_THREAD = RuntimeSettings(inter_threads=1, intra_threads=1)
STUDENT, TWO_TOWER = ("student", "--to", "s"), ("two-tower", "--base", "b", "--to", "s")
STAGES = ("gather", "warm-up", "teach", "label", "student", "two-tower")


def run(*words):
    return CliRunner().invoke(app, words)


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_shows_examples(stage):
    assert f"qrm walmart-kd {stage}" in run(stage, "--help").output


def test_help_loads_nothing_heavy():
    code = "import sys, qrmiddleware_walmart_kd.commands; print(*sys.modules)"

    loaded = subprocess.check_output([sys.executable, "-c", code], text=True).split()

    assert not {"torch", "transformers", "ctranslate2", "numpy"} & set(loaded)


@pytest.mark.parametrize("words", [("warm-up",), ("teach",), ("label",), STUDENT, TWO_TOWER])
def test_without_the_extra_one_line_says_what_to_install(words, tmp_path, monkeypatch):
    monkeypatch.setattr(command_options, "find_spec", {"accelerate": True}.get)

    done = run(*words, str(tmp_path))

    assert str(done.exception) == (
        "torch, transformers are not installed: pip install 'qrmiddleware-walmart-kd[train]'"
    )


@pytest.mark.students
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("teach",), r"warm is not there: `qrm walmart-kd warm-up .*--base"),
        (("label",), r"teacher is not there: `qrm walmart-kd teach .*--teacher"),
        (TWO_TOWER, r"teacher\.labels\.jsonl has no labels"),
        (STUDENT, r"teacher\.labels\.jsonl has no labels"),
    ],
)
def test_a_stage_before_its_time_says_what_to_run_first(work, words, said):
    done = run(*words, str(work))

    assert isinstance(done.exception, ConfigError)
    assert re.search(said, str(done.exception))


@pytest.fixture
def work(shop, tmp_path):
    material = gathering.Material(gathering.Source(shop))
    making = gathering.Making(
        queries=20, floors=gathering.Floors(products=2, brands=1, one_brand=1)
    )
    every = list(material.texts)
    folder = tmp_path / "work"
    gathering.gather(
        material, folder, held_out=(1,), making=making, search=lambda _, depth: every[:depth]
    )
    return folder


@pytest.mark.students
@pytest.mark.timeout(300)
def test_the_whole_loop_ends_in_a_student_that_scores(work, tmp_path):
    quick = ("--rate", "5e-3", "--max-tokens", "32")
    student = tmp_path / "student"

    for words in (
        ("warm-up", str(work), "--scratch", "80,2,32,2", "--steps", "200", *quick),
        ("teach", str(work), "--steps", "60", *quick),
        ("label", str(work), "--max-tokens", "32"),
        ("student", str(work), "--to", str(student), "--scratch", "80,2,32,2", "--steps", "150",
         *quick),
    ):  # fmt: skip
        done = run(*words)
        assert done.exit_code == 0, f"{words}\n{done.output}\n{done.exception!r}"

    manifest = json.loads((student / "student.json").read_text())
    with closing(CrossEncoder.open(student, ONE_THREAD)) as opened:
        kettle, toaster = opened.scores("kettle", ["Acme kettle 1 l red", "Acme toaster 1 l red"])
    assert kettle > toaster + 0.2
    assert manifest["provenance"]["recipe"] == "walmart_kd"
    assert manifest["provenance"]["seen_folds"] == [0]
    assert manifest["provenance"]["teacher"].startswith("classifier")
    assert manifest["calibration"] is not None


@pytest.mark.students
@pytest.mark.timeout(300)
def test_several_processes_learn_together_and_one_of_them_writes(work, tmp_path):
    pytest.importorskip("torch")
    launch = ("torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m")
    stage = ("qrmiddleware.cli", "walmart-kd", "warm-up", str(work), "--max-tokens", "32")
    how = ("--scratch", "300,1,16,2", "--steps", "4", "--rate", "5e-3")
    environment = {**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}

    done = subprocess.run(
        [sys.executable, "-m", *launch, *stage, *how],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stderr.count("the teacher to be") == 1
    (last,) = (work / "checkpoints").glob("*/step-*4")
    assert sorted(file.name for file in last.glob("chance-*")) == ["chance-0.pt", "chance-1.pt"]
    weights = load_file(work / "warm" / "model.safetensors")
    assert all(np.isfinite(values).all() for values in weights.values())
