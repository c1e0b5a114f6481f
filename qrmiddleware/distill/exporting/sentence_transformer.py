"""What sentence-transformers writes around an encoder: pooling, a dense layer, lengths."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from qrmiddleware.distill.exporting.json_files import read_json, read_object
from qrmiddleware.errors import ConfigError
from qrmiddleware.students.manifest import Pooling

_MODES: Final[Mapping[str, Pooling]] = {
    "mean": "mean",
    "pooling_mode_mean_tokens": "mean",
    "cls": "first",
    "pooling_mode_cls_token": "first",
}
_DOCUMENTS: Final = ("document", "passage", "corpus")
"""Names of the prompt before a document; the first that there is."""
_WITHOUT_EFFECT: Final = frozenset({"Normalize", "Dropout"})
"""A student's vectors are of unit length anyway, and nothing is dropped when it serves."""


@dataclass(frozen=True, slots=True)
class SentenceTransformer:
    """How sentence-transformers makes a vector of an encoder's output.

    Attributes:
        encoder: Folder of the transformers checkpoint.
        pooling: How token vectors become one.
        dense: Folder of a dense layer after that, with ``config.json`` and weights; if any.
        max_tokens: Of an input, special tokens included; ``None`` where that is not said.
        query_prefix: What is read before a query.
        text_prefix: What is read before a text.
    """

    encoder: Path
    pooling: Pooling
    dense: Path | None
    max_tokens: int | None
    query_prefix: str = ""
    text_prefix: str = ""


def read_sentence_transformer(folder: Path) -> SentenceTransformer | None:
    """Read ``modules.json`` and what it names; ``None`` without one.

    Raises:
        ConfigError: If it holds a module or a pooling that students do not have.
    """
    listing = folder / "modules.json"
    if not listing.is_file():
        return None
    modules = _modules(listing)
    if "Transformer" not in modules or "Pooling" not in modules:
        message = f"{listing} names {', '.join(modules)}: a Transformer and a Pooling are needed"
        raise ConfigError(message)
    unknown = modules.keys() - {"Transformer", "Pooling", "Dense"} - _WITHOUT_EFFECT
    if unknown:
        message = (
            f"{listing} names {', '.join(sorted(unknown))}, which students do not have: they "
            "have a Transformer, a Pooling, at most one Dense, and Normalize"
        )
        raise ConfigError(message)
    query_prefix, text_prefix = _prompts(folder)
    pooling = folder / modules["Pooling"] / "config.json"
    if (query_prefix or text_prefix) and read_object(pooling).get("include_prompt") is False:
        message = f"{pooling} leaves prompts out of its mean, which students do not"
        raise ConfigError(message)
    return SentenceTransformer(
        encoder=folder / modules["Transformer"],
        pooling=_pooling(pooling),
        dense=folder / modules["Dense"] if "Dense" in modules else None,
        max_tokens=_max_tokens(folder / modules["Transformer"]),
        query_prefix=query_prefix,
        text_prefix=text_prefix,
    )


def _modules(listing: Path) -> dict[str, str]:
    """Return folder by class name."""
    entries = read_json(listing)
    try:
        named = [(str(entry["type"]).rpartition(".")[2], str(entry["path"])) for entry in entries]
    except (TypeError, KeyError) as error:
        message = f"{listing} is no list of modules with type and path"
        raise ConfigError(message) from error
    outside = [path for _, path in named if not _lies_inside(path)]
    if outside:
        message = f"{listing} names {outside[0]!r}, which is no folder inside of {listing.parent}"
        raise ConfigError(message)
    modules = dict(named)
    if len(modules) < len(named):
        message = f"{listing} names a module twice: {', '.join(name for name, _ in named)}"
        raise ConfigError(message)
    return modules


def _lies_inside(path: str) -> bool:
    told = PurePosixPath(path)
    return not told.is_absolute() and ".." not in told.parts


def _prompts(folder: Path) -> tuple[str, str]:
    """Return what sentence-transformers puts before a query, and before a document."""
    settings = folder / "config_sentence_transformers.json"
    if not settings.is_file():
        return "", ""
    told = read_object(settings)
    prompts = {name: str(text or "") for name, text in (told.get("prompts") or {}).items()}
    default = prompts.get(str(told.get("default_prompt_name")), "")
    of_documents = (prompts[name] for name in _DOCUMENTS if name in prompts)
    return prompts.get("query", default), next(of_documents, default)


def _pooling(path: Path) -> Pooling:
    settings = read_object(path)
    on = [key for key, value in settings.items() if key.startswith("pooling_mode_") and value]
    named = settings.get("pooling_mode")
    modes = [named] if isinstance(named, str) else list(named or on)
    if len(modes) != 1 or modes[0] not in _MODES:
        shown = " and ".join(map(str, modes)) or "nothing"
        message = f"{path} pools by {shown}: students pool by mean or by cls, one of them"
        raise ConfigError(message)
    return _MODES[modes[0]]


def _max_tokens(encoder: Path) -> int | None:
    settings = encoder / "sentence_bert_config.json"
    found: Any = read_object(settings).get("max_seq_length") if settings.is_file() else None
    return int(found) if found else None
