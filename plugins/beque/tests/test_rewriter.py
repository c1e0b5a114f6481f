import pytest

from qrmiddleware.errors import ConfigError
from qrmiddleware_beque.prompts.tasks import load_prompts
from qrmiddleware_beque.recipes.rewriter import (
    FORM_FILE,
    Rewriter,
    Stage,
    hashes_of,
    read_rewriter,
    write_rewriter,
)


def test_a_checkpoint_remembers_how_it_is_asked(tmp_path):
    told = Rewriter(
        prompts=load_prompts(),
        prompt_tokens=64,
        rewrite_tokens=9,
        seen_folds=(0, 2),
        stages=(Stage(command="qrm beque sft", base="scratch", settings={"rate": 0.1}),),
    )

    write_rewriter(tmp_path, told)

    assert read_rewriter(tmp_path) == told
    (message,) = read_rewriter(tmp_path).messages("red  telly")
    assert message["role"] == "user"
    assert message["content"].endswith("red telly")


def test_a_checkpoint_that_remembers_nothing_or_nonsense_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="`qrm beque sft` makes a checkpoint"):
        read_rewriter(tmp_path)
    (tmp_path / FORM_FILE).write_text("{}")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_rewriter(tmp_path)


def test_files_of_one_name_are_told_apart(tmp_path):
    files = [tmp_path / "a" / "x.jsonl", tmp_path / "b" / "x.jsonl"]
    for file in files:
        file.parent.mkdir()
        file.write_text(file.parent.name)

    found = hashes_of(files)

    assert list(found) == ["x.jsonl", str(files[1])]
    assert len(set(found.values())) == 2
