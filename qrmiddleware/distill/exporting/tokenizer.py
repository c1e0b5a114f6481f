"""The tokenizer of a checkpoint, as its maker saved it."""

from pathlib import Path
from typing import Any, Final

from qrmiddleware.distill.exporting.json_files import read_object
from qrmiddleware.distill.exporting.libraries import quiet_transformers
from qrmiddleware.errors import ConfigError

_GENERIC: Final = ("PreTrainedTokenizerFast", "TokenizersBackend")
"""What the maker of a new vocabulary saves; ``tokenizer.json`` says all of it."""

_NAMES: Final = ("tokenizer.json", "vocab.txt", "vocab.json")
_SUFFIXES: Final = (".model", ".spm", ".tiktoken")
"""Without any of these, transformers makes a tokenizer that knows no word."""


def load_tokenizer(folder: Path) -> Any:  # noqa: ANN401 - of transformers
    """Load a fast tokenizer, without truncation and padding.

    A tokenizer that was saved as a generic one is loaded as that: by the model's name,
    transformers 5 would make a Qwen2Tokenizer of any vocabulary of a Qwen2, with other ids.

    Raises:
        ConfigError: If there is none that has a fast form.
    """
    if not any(path.name in _NAMES or path.suffix in _SUFFIXES for path in folder.iterdir()):
        message = f"{folder} has no tokenizer: tokenizer.json is needed, or what makes one"
        raise ConfigError(message)
    with quiet_transformers() as transformers:
        settings = folder / "tokenizer_config.json"
        named = read_object(settings).get("tokenizer_class") if settings.is_file() else None
        generic = named in _GENERIC and (folder / "tokenizer.json").is_file()
        loader = transformers.PreTrainedTokenizerFast if generic else transformers.AutoTokenizer
        try:
            tokenizer = loader.from_pretrained(folder, local_files_only=True)
        except Exception as error:  # transformers and what it calls raise anything
            message = f"{folder} has no tokenizer that transformers can load: {error}"
            raise ConfigError(message) from error
    if not tokenizer.is_fast:
        message = (
            f"{folder} has a {type(tokenizer).__name__} without a fast form that the tokenizers "
            "library reads (tokenizer.json), which students need"
        )
        raise ConfigError(message)
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    return tokenizer


def gives_token_types(tokenizer: Any) -> bool:  # noqa: ANN401 - of transformers
    """Whether the model was told query and text apart; a generic tokenizer mostly does not."""
    return "token_type_ids" in tokenizer.model_input_names
