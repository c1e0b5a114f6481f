from importlib.util import find_spec

import pytest


@pytest.mark.skipif(find_spec("torch") is not None, reason="torch is there")
def test_says_which_extra_is_needed(qrm, pairs):
    ran = qrm("label", "classifier", pairs, "--checkpoint", "teacher")

    assert ran.code == 2
    assert "pip install 'qrmiddleware[distill]'" in ran.err


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
