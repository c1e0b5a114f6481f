import json
import math
from pathlib import Path

import pytest

from qrmiddleware.distill.labels import LabellingError, Pair
from qrmiddleware.distill.reading import Reading, write_reading
from qrmiddleware.distill.teachers.classifier import (
    ClassifierOptions,
    ClassifierTeacher,
    sigmoid,
    softmax,
)
from qrmiddleware.errors import ConfigError

PAIRS = [
    Pair("laptop", "short", "laptop"),
    Pair("laptop", "long", "red laptop " * 30),
    Pair("shoe", "other", "red shoe"),
    Pair("shoe", "endless", "shoe " * 20_000),
]


@pytest.mark.parametrize(("logit", "share"), [(0, 0.5), (math.log(3), 0.75), (1e5, 1), (-1e5, 0)])
def test_a_sigmoid_has_no_overflow(logit, share):
    assert sigmoid(logit) == pytest.approx(share)


def test_a_softmax_has_no_overflow_and_sums_to_1():
    assert softmax([1e5, 1e5, -1e5]) == pytest.approx([0.5, 0.5, 0.0])
    assert softmax([math.log(1), math.log(3)]) == pytest.approx([0.25, 0.75])


@pytest.fixture
def checkpoint(tmp_path):
    """Makes a folder with a tiny BERT whose weights are random but for the seed."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "laptop", "red", "shoe"]

    def make(labels=("E", "S", "C", "I"), *, name="tiny", seed=1, broken=False):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "vocab.txt").write_text("\n".join(words))
        transformers.BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
        config = transformers.BertConfig(
            vocab_size=len(words),
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            id2label=dict(enumerate(labels)),
            label2id={label: number for number, label in enumerate(labels)},
            initializer_range=0.5,
        )
        torch.manual_seed(seed)
        model = transformers.BertForSequenceClassification(config)
        if broken:
            model.classifier.bias.data.fill_(float("nan"))
        model.save_pretrained(folder)
        return str(folder)

    return make


def label(folder, pairs=PAIRS, **options):
    teacher = ClassifierTeacher(ClassifierOptions(folder, **options))
    return {each.doc_id: each for each in teacher.label(pairs)}


@pytest.mark.students
def test_classes_become_probabilities_and_a_target(checkpoint):
    labels = label(checkpoint())

    assert labels.keys() == {"short", "long", "other", "endless"}
    for each in labels.values():
        shares = each.probabilities
        assert list(shares) == ["E", "S", "C", "I"]
        assert each.target == pytest.approx(shares["E"] + 0.5 * shares["S"])
        assert shares[each.grade] == max(shares.values())
    assert len({each.target for each in labels.values()}) == 4


@pytest.mark.students
def test_labels_do_not_depend_on_what_shares_a_batch(checkpoint):
    folder = checkpoint()

    together, alone = label(folder), label(folder, batch_tokens=1)

    for key, each in together.items():
        assert each.target == pytest.approx(alone[key].target, abs=1e-5)


@pytest.mark.students
def test_labels_are_what_the_model_says_of_one_pair(checkpoint):
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = checkpoint()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()

    with torch.inference_mode():
        inputs = tokenizer("shoe", "red shoe", return_tensors="pt")
        expected = model(**inputs).logits.softmax(-1)[0].tolist()

    assert list(label(folder)["other"].probabilities.values()) == pytest.approx(expected, abs=1e-5)


@pytest.mark.students
def test_a_single_logit_is_kept(checkpoint):
    labels = label(checkpoint(("score",)))

    for each in labels.values():
        assert each.probabilities is None
        assert each.target == pytest.approx(sigmoid(each.logit))


@pytest.mark.students
def test_other_classes_need_gains(checkpoint):
    folder = checkpoint(("yes", "no"))

    with pytest.raises(ConfigError, match="classes yes, no: say what each is worth"):
        label(folder)
    with pytest.raises(ConfigError, match="gains are given for yes: give one for each"):
        label(folder, gains={"yes": 1.0})
    labels = label(folder, gains={"yes": 1.0, "no": 0.0})
    assert labels["short"].target == pytest.approx(labels["short"].probabilities["yes"])


@pytest.mark.students
def test_half_the_precision_is_another_teacher_with_about_the_same_labels(checkpoint):
    folder = checkpoint()

    half, full = label(folder, precision="bfloat16"), label(folder)

    assert half["short"].teacher != full["short"].teacher
    assert half["short"].target == pytest.approx(full["short"].target, abs=0.05)


@pytest.mark.students
def test_other_weights_are_another_teacher_and_the_same_ones_are_not(checkpoint):
    folder = checkpoint(seed=1)
    first, again = label(folder), label(folder)
    other = label(checkpoint(name="other", seed=2))

    first_hash, again_hash, other_hash = (
        each["short"].teacher.rpartition(":")[2] for each in (first, again, other)
    )
    assert first_hash == again_hash != other_hash


@pytest.mark.students
def test_a_head_that_gives_no_number_ends_it(checkpoint):
    with pytest.raises(LabellingError, match=r"nan.*query 'shoe', document endless"):
        label(checkpoint(broken=True))


@pytest.mark.students
def test_a_folder_that_holds_no_checkpoint_is_an_error(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))

    with pytest.raises(ConfigError, match="cannot be loaded as a classifier"):
        label(str(tmp_path))


@pytest.mark.students
def test_pickled_weights_are_not_read(checkpoint):
    import torch

    folder = Path(checkpoint())
    torch.save({}, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()

    with pytest.raises(ConfigError, match="cannot be loaded"):
        label(str(folder))


@pytest.mark.students
def test_a_checkpoint_that_says_how_it_reads_is_read_so(checkpoint):
    folder = checkpoint(("score",))
    long = [Pair("shoe " * 9 + "laptop", "1", "red shoe"), Pair("shoe " * 9, "2", "red shoe")]
    before = label(folder, long)
    write_reading(Path(folder), Reading(max_query_tokens=4))

    labels = label(folder, long)

    assert before["1"].logit != pytest.approx(before["2"].logit, abs=1e-5)
    assert labels["1"].logit == pytest.approx(labels["2"].logit, abs=1e-5)
    short = label(folder, [Pair("laptop", "3", "red")])["3"]
    assert short.teacher == labels["1"].teacher != before["1"].teacher


@pytest.mark.students
def test_pairs_of_many_queries_keep_their_own_labels(checkpoint):
    folder = checkpoint(("score",))
    mixed = [
        Pair(query, f"{query}{n}", "red shoe " * n) for n in (1, 2) for query in ("red", "shoe")
    ]
    plain = label(folder, mixed)
    write_reading(Path(folder), Reading(max_query_tokens=4))

    framed = label(folder, mixed)

    for key, each in plain.items():
        assert framed[key].logit == pytest.approx(each.logit, abs=1e-5)


@pytest.mark.students
def test_max_tokens_that_leave_no_text_are_refused(checkpoint):
    folder = checkpoint()
    write_reading(Path(folder), Reading(max_query_tokens=24))

    with pytest.raises(
        ConfigError, match="27 leave none for a text; give at least --max-tokens 28"
    ):
        label(folder, max_tokens=27)


@pytest.mark.students
def test_a_language_model_that_says_no_prompt_is_refused_with_one_to_copy(make_base):
    folder = make_base("qwen3")

    with pytest.raises(ConfigError, match=r"put a qrm-teacher\.json into its folder") as raised:
        label(str(folder))
    example = str(raised.value).partition("such as ")[2]
    (folder / "qrm-teacher.json").write_text(example)
    assert len(label(str(folder), gains={"LABEL_0": 1.0, "LABEL_1": 0.0})) == len(PAIRS)


@pytest.mark.students
def test_a_gpu_that_is_not_there_is_said(checkpoint):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is one")

    with pytest.raises(ConfigError, match="no GPU"):
        label(checkpoint(), device="cuda")
