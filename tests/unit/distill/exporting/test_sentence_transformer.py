"""What sentence-transformers writes around an encoder."""

import json

import pytest

from qrmiddleware.distill.exporting.sentence_transformer import read_sentence_transformer
from qrmiddleware.errors import ConfigError

OLD_MEAN = {"word_embedding_dimension": 8, "pooling_mode_mean_tokens": True}
OLD_CLS = {"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True}


def write_modules(folder, *names, pooling=OLD_MEAN, **files):
    paths = {name: "" if name == "Transformer" else f"{n}_{name}" for n, name in enumerate(names)}
    modules = [
        {"idx": n, "name": str(n), "path": path, "type": f"sentence_transformers.models.{name}"}
        for n, (name, path) in enumerate(paths.items())
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    if "Pooling" in paths:
        (folder / paths["Pooling"]).mkdir()
        (folder / paths["Pooling"] / "config.json").write_text(json.dumps(pooling))
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


def test_a_folder_without_modules_is_none(tmp_path):
    assert read_sentence_transformer(tmp_path) is None


@pytest.mark.parametrize(
    ("pooling", "expected"),
    [
        (OLD_MEAN, "mean"),
        (OLD_CLS, "first"),
        ({"pooling_mode": "mean"}, "mean"),
        ({"pooling_mode": ["cls"]}, "first"),
    ],
)
def test_pooling_is_read_as_old_and_new_versions_write_it(tmp_path, pooling, expected):
    folder = write_modules(tmp_path, "Transformer", "Pooling", "Normalize", pooling=pooling)

    found = read_sentence_transformer(folder)

    assert (found.encoder, found.pooling, found.dense) == (tmp_path, expected, None)


def test_a_dense_layer_and_the_length_are_found(tmp_path):
    write_modules(
        tmp_path, "Transformer", "Pooling", "Dense",
        sentence_bert_config={"max_seq_length": 64},
        config_sentence_transformers={"prompts": {"query": "", "document": ""}},
    )  # fmt: skip

    found = read_sentence_transformer(tmp_path)

    assert (found.dense, found.max_tokens) == (tmp_path / "2_Dense", 64)


@pytest.mark.parametrize(
    ("pooling", "problem"),
    [
        ({"pooling_mode_max_tokens": True}, "pools by pooling_mode_max_tokens"),
        (OLD_MEAN | {"pooling_mode_cls_token": True}, "mean_tokens and pooling_mode_cls_token"),
        ({}, "pools by nothing"),
    ],
)
def test_other_poolings_are_refused(tmp_path, pooling, problem):
    write_modules(tmp_path, "Transformer", "Pooling", pooling=pooling)

    with pytest.raises(ConfigError, match=problem):
        read_sentence_transformer(tmp_path)


def test_modules_that_students_do_not_have_are_refused(tmp_path):
    write_modules(tmp_path, "Transformer", "Pooling", "LayerNorm")

    with pytest.raises(ConfigError, match="names LayerNorm, which students do not have"):
        read_sentence_transformer(tmp_path)


def test_without_an_encoder_it_is_refused(tmp_path):
    write_modules(tmp_path, "Normalize")

    with pytest.raises(ConfigError, match="a Transformer and a Pooling are needed"):
        read_sentence_transformer(tmp_path)


@pytest.mark.parametrize(
    ("modules", "problem"),
    [
        ({"a": 1}, "no list of modules"),
        ([{"type": "x"}], "no list of modules"),
        ([{"type": "m.Dense", "path": "1"}, {"type": "m.Dense", "path": "2"}], "module twice"),
    ],
)
def test_a_broken_list_is_refused(tmp_path, modules, problem):
    (tmp_path / "modules.json").write_text(json.dumps(modules))

    with pytest.raises(ConfigError, match=problem):
        read_sentence_transformer(tmp_path)


E5 = {"query": "query: ", "passage": "passage: "}


@pytest.mark.parametrize(
    ("declared", "prefixes"),
    [
        ({"prompts": E5}, ("query: ", "passage: ")),
        ({"prompts": {"query": "", "document": ""}}, ("", "")),
        ({"prompts": {"sts": "same: "}}, ("", "")),
        ({"prompts": {"sts": "same: "}, "default_prompt_name": "sts"}, ("same: ", "same: ")),
        ({"prompts": E5, "default_prompt_name": "query"}, ("query: ", "passage: ")),
        ({"prompts": None}, ("", "")),
    ],
)
def test_prompts_before_queries_and_documents_are_read(tmp_path, declared, prefixes):
    write_modules(tmp_path, "Transformer", "Pooling", config_sentence_transformers=declared)

    found = read_sentence_transformer(tmp_path)

    assert (found.query_prefix, found.text_prefix) == prefixes


def test_prompts_that_are_left_out_of_the_mean_are_refused(tmp_path):
    write_modules(
        tmp_path, "Transformer", "Pooling",
        pooling=OLD_MEAN | {"include_prompt": False},
        config_sentence_transformers={"prompts": E5},
    )  # fmt: skip

    with pytest.raises(ConfigError, match="leaves prompts out of its mean"):
        read_sentence_transformer(tmp_path)


@pytest.mark.parametrize("path", ["../other", "/etc"])
def test_modules_outside_of_the_folder_are_refused(tmp_path, path):
    (tmp_path / "modules.json").write_text(json.dumps([{"type": "m.Pooling", "path": path}]))

    with pytest.raises(ConfigError, match="no folder inside of"):
        read_sentence_transformer(tmp_path)
