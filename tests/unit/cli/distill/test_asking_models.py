from importlib.util import find_spec

import pytest

from qrmiddleware.distill.label_store import read_labels
from qrmiddleware.students.cross_encoder import CrossEncoder


@pytest.mark.skipif(find_spec("torch") is not None, reason="torch is there")
def test_says_which_extra_is_needed(qrm, pairs):
    ran = qrm("label", "classifier", pairs, "--checkpoint", "teacher")

    assert ran.code == 2
    assert "pip install 'qrmiddleware[distill]'" in ran.err


def test_a_student_labels_pairs_without_torch(qrm, pairs, make_student, tmp_path):
    folder = make_student(labels=("no", "yes"), gains=(0.0, 1.0))

    ran = qrm("label", "student", pairs, "--student", folder)

    assert ran.code == 0, ran.err
    assert "12 pairs labelled now, 0 were known. Teacher: student:tiny:" in ran.err
    for label in read_labels(tmp_path / "pairs.labels.jsonl"):
        assert label.target == pytest.approx(label.probabilities["yes"])


def test_a_student_with_one_logit_labels_as_it_scores(qrm, pairs, make_student, tmp_path):
    folder = make_student()

    qrm("label", "student", pairs, "--student", folder)

    student = CrossEncoder.open(folder)
    for label in read_labels(tmp_path / "pairs.labels.jsonl"):
        (score,) = student.scores(label.query, [f"Shoe {label.doc_id[1:]}"])
        assert label.target == pytest.approx(float(score), abs=1e-4)
        assert label.logit is not None
    student.close()


def test_a_folder_that_holds_no_student_is_an_error(qrm, pairs, tmp_path):
    ran = qrm("label", "student", pairs, "--student", tmp_path)

    assert ran.code == 2
    assert str(tmp_path) in ran.err.replace("\n", "")


@pytest.mark.students
def test_a_checkpoint_labels_pairs(qrm, pairs, tmp_path):
    import torch
    import transformers

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "shoe"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    folder = tmp_path / "teacher"
    transformers.BertTokenizerFast(vocab=str(tmp_path / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(1)
    config = transformers.BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, id2label={0: "yes", 1: "no"}, label2id={"yes": 0, "no": 1},
    )  # fmt: skip
    transformers.BertForSequenceClassification(config).save_pretrained(folder)

    ran = qrm(
        "label", "classifier", pairs, "--checkpoint", folder, "--gain", "yes=1", "--gain", "no=0"
    )

    assert ran.code == 0, ran.err
    assert "12 pairs labelled now, 0 were known. Teacher: classifier:teacher:" in ran.err
