"""A Hugging Face checkpoint as it lies in a folder, before anything heavy is loaded."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from qrmiddleware.distill.exporting.architectures import Family, family_of
from qrmiddleware.distill.exporting.json_files import read_object
from qrmiddleware.distill.exporting.sentence_transformer import (
    SentenceTransformer,
    read_sentence_transformer,
)
from qrmiddleware.errors import ConfigError
from qrmiddleware.students.manifest import Kind

_PICKLES: Final = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".h5", ".msgpack")
_GENERATES: Final = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration", "MTModel")
_CLASSIFIES: Final = "ForSequenceClassification"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folder that transformers wrote.

    Attributes:
        folder: Holds weights and tokenizer.
        config: ``config.json``.
        family: What its ``model_type`` can become.
        kind: What it shall become.
        sentence_transformer: What surrounds the encoder, where sentence-transformers wrote it.
        name: The folder's name.
        licence: From the model card; empty if that says nothing.
    """

    folder: Path
    config: Mapping[str, Any]
    family: Family
    kind: Kind
    sentence_transformer: SentenceTransformer | None
    name: str
    licence: str

    @property
    def positions(self) -> int | None:
        """Most tokens that an input may have; ``None`` where positions are not in a table."""
        most = self.config.get("max_position_embeddings", self.config.get("n_positions"))
        if most is None or "rel" in str(self.config.get("position_embedding_type", "")):
            return None
        return int(most) - self.family.position_offset

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of a classifier's classes, in the order of its logits; empty for one logit."""
        named = {str(key): str(label) for key, label in self.config.get("id2label", {}).items()}
        count = len(named) or int(self.config.get("num_labels", 2))
        if count == 1:
            return ()
        return tuple(named.get(str(n), f"LABEL_{n}") for n in range(count))

    def weight_hashes(self) -> dict[str, str]:
        """Return the SHA-256 of every file of weights, by name."""
        found: dict[str, str] = {}
        for path in sorted(self.folder.glob("*.safetensors")):
            with path.open("rb") as file:
                found[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
        return found


def read_checkpoint(folder: Path, kind: Kind | None = None) -> Checkpoint:
    """Look a checkpoint over.

    Args:
        folder: What ``save_pretrained`` of transformers or sentence-transformers wrote.
        kind: What it shall become; told by its configuration if not given.

    Raises:
        ConfigError: If it is no checkpoint, its weights are pickled, or it cannot become a student
            of that kind.
    """
    if not folder.is_dir():
        message = (
            f"{folder} is no folder: name one that holds a checkpoint (config.json, "
            "model.safetensors, tokenizer.json); a name on a hub is to be downloaded first"
        )
        raise ConfigError(message)
    surrounding = read_sentence_transformer(folder)
    inner = folder if surrounding is None else surrounding.encoder
    config = read_object(inner / "config.json")
    model_type = str(config.get("model_type", ""))
    family_of(model_type)
    if kind is None:
        kind = "bi_encoder" if surrounding else _kind_of(inner, config)
    family = family_of(model_type, kind=kind)
    _check_weights(inner)
    return Checkpoint(
        inner,
        config,
        family,
        kind,
        surrounding,
        name=folder.resolve().name,
        licence=_licence(folder),
    )


def _kind_of(folder: Path, config: Mapping[str, Any]) -> Kind:
    names = [str(name) for name in config.get("architectures") or ()]
    if any(name.endswith(_CLASSIFIES) for name in names):
        return "cross_encoder"
    if any(name.endswith(_GENERATES) for name in names):
        return "generator"
    if any(name.endswith("Model") for name in names):
        return "bi_encoder"
    shown = ", ".join(names) or "no architecture"
    message = (
        f"{folder / 'config.json'} names {shown}, from which the kind of the student cannot be "
        "told: name it (--kind cross_encoder, bi_encoder or generator)"
    )
    raise ConfigError(message)


def _check_weights(folder: Path) -> None:
    if any(folder.glob("*.safetensors")):
        return
    pickled = sorted(path.name for path in folder.iterdir() if path.suffix in _PICKLES)
    if not pickled:
        message = f"{folder} has no weights: model.safetensors is needed"
        raise ConfigError(message)
    message = (
        f"{folder} has its weights in {', '.join(pickled)} only, formats that can run code when "
        "they are loaded. Where you trust the file, load it with transformers and save it anew: "
        "save_pretrained writes model.safetensors"
    )
    raise ConfigError(message)


def _licence(folder: Path) -> str:
    """Read ``license:`` from the head of the model card."""
    card = folder / "README.md"
    if not card.is_file():
        return ""
    head = re.match(r"---\s*\n(.*?)\n---", card.read_text("utf-8", "replace"), re.DOTALL)
    found = re.search(r"^license(?:_name)?: *(.+)$", head[1] if head else "", re.MULTILINE)
    return found[1].strip().strip("'\"") if found else ""
