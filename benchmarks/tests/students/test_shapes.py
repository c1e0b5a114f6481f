import pytest

from qrmiddleware_benchmarks.students.errors import StudentsError
from qrmiddleware_benchmarks.students.shapes import SHAPES, Task, decoder, shape_of

MINILM = {
    "model_type": "bert",
    "architectures": ["BertForSequenceClassification"],
    "num_hidden_layers": 6,
    "hidden_size": 384,
    "num_attention_heads": 12,
    "intermediate_size": 1536,
    "vocab_size": 30522,
    "id2label": {"0": "LABEL_0"},
}
QWEN = {
    "model_type": "qwen3",
    "num_hidden_layers": 4,
    "hidden_size": 256,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "intermediate_size": 768,
    "vocab_size": 8000,
}


def test_a_checkpoint_of_minilm_has_the_shape_of_the_made_one():
    made = next(each for each in SHAPES if each.name == "L6-H384")

    assert shape_of("L6-H384", MINILM) == made


def test_a_checkpoint_of_qwen_has_the_shape_of_the_made_one():
    assert shape_of("Qwen3-L4-H256", QWEN) == decoder(4, 256)


def test_a_bert_without_a_head_is_a_bi_encoder():
    config = MINILM | {"architectures": ["BertModel"]}

    assert shape_of("mine", config).task is Task.BI_ENCODER


def test_a_classifier_that_names_no_labels_has_two():
    config = {name: value for name, value in MINILM.items() if name != "id2label"}

    assert shape_of("mine", config).labels == 2


def test_a_decoder_that_names_no_key_value_heads_shares_none():
    config = QWEN | {"model_type": "llama", "num_key_value_heads": None, "head_dim": None}

    shape = shape_of("mine", config)

    assert (shape.key_value_heads, shape.head_size) == (4, 64)


def test_an_unknown_architecture_is_named_beside_the_known_ones():
    with pytest.raises(StudentsError, match=r"mine: model_type is 'deberta-v2'.*bert, llama"):
        shape_of("mine", {"model_type": "deberta-v2"})
