from importlib.util import find_spec

import pytest

from qrmiddleware.distill.causal.models import Size, tiny_causal
from qrmiddleware.distill.causal.rows import prompt_ids, response_row
from qrmiddleware.distill.causal.scoring import response_logits
from qrmiddleware.distill.label_store import read_labels
from qrmiddleware.distill.labels import Pair
from qrmiddleware.distill.sequence_losses import response_cross_entropy
from qrmiddleware.distill.teachers.chain_form import ChainForm, write_form
from qrmiddleware.distill.teachers.prompt import SHORT, load_prompt


@pytest.mark.skipif(find_spec("torch") is not None, reason="torch is there")
def test_says_which_extra_is_needed(qrm, pairs):
    ran = qrm("label", "local", pairs, "--model", "teacher")

    assert ran.code == 2
    assert "pip install 'qrmiddleware[distill]'" in ran.err


@pytest.fixture
def teacher(tmp_path):
    """A model that says the same chain of every pair."""
    torch = pytest.importorskip("torch")
    form = ChainForm(load_prompt(SHORT, chain=True))
    rest = "brand: unspecified\nmodel: unspecified\nattribute: unspecified\nconclusion: S"
    text = f"category: match (a shoe)\n{rest}"
    pairs = [Pair(f"shoe{n % 4}", f"d{n}", f"Shoe {n}") for n in range(12)]
    words = [message["content"] for pair in pairs for message in form.messages(pair)]
    lm = tiny_causal([*words, text], Size(400, 1, 32, 2))
    rows = [response_row(lm, prompt_ids(lm, form.messages(pair)), text) for pair in pairs]
    optimizer = torch.optim.Adam(lm.model.parameters(), lr=1e-2)
    for _ in range(100):
        response_cross_entropy(*response_logits(lm.model, rows, pad=lm.pad)).backward()
        optimizer.step()
        optimizer.zero_grad()
    lm.save(tmp_path / "teacher")
    write_form(tmp_path / "teacher", form)
    return tmp_path / "teacher"


@pytest.mark.students
def test_a_local_model_labels_with_reasons_and_does_it_once(qrm, pairs, teacher, tmp_path):
    out = tmp_path / "labels.jsonl"
    told = ("--model", teacher, "--out", out, "--device", "cpu", "--gain", "S=0.25")

    ran = qrm("label", "local", pairs, *told)
    again = qrm("label", "local", pairs, *told)

    assert ran.code == 0, ran.err
    assert "12 pairs labelled now, 0 were known" in ran.err
    assert "Teacher: local:teacher:chain-short-1:" in ran.err
    assert "0 pairs labelled now, 12 were known" in again.err
    for label in read_labels(out):
        assert label.grade == "S"
        assert label.reason.endswith("conclusion: S")
        shares = label.probabilities
        assert label.target == pytest.approx(shares["E"] + shares["S"] / 4, abs=1e-4)


@pytest.mark.students
def test_another_prompt_is_another_teacher(qrm, pairs, teacher, tmp_path):
    own = tmp_path / "own-7.md"
    own.write_text("# system\n$answer\n# user\n$query $products\n# answer chain\n$codes\n")
    told = ("--model", teacher, "--device", "cpu", "--attempts", 1, "--failure-limit", 1)

    ran = qrm("label", "local", pairs, *told, "--prompt", own, "--chain-tokens", 16)

    assert ran.code == 0, ran.err
    assert "Teacher: local:teacher:own-7:" in ran.err
