"""How a classifier reads a pair: the tokens around query and text, or the words of a prompt."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from qrmiddleware.errors import ConfigError

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerFast

READING_FILE: Final = "qrm-teacher.json"
"""Lies in the folder of a checkpoint, and says how it reads."""
_LETTER: Final = "a"


class Prompt(BaseModel):
    r"""Words around query and text, for a language model that has no pair of its own.

    A head that scores the last token reads ``Query: red shoe\nProduct: Shoe, red\nRelevant:``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Annotated[str, Field(min_length=1)]
    """Changes with the words."""
    query: str
    """Stands before the query."""
    text: str
    """Stands between query and text."""
    answer: Annotated[str, Field(min_length=1)]
    """Stands after the text; the last token of it is scored."""


QUERY_PRODUCT: Final = Prompt(
    version="query-product-1", query="Query:", text="\nProduct:", answer="\nRelevant:"
)
"""What a language model is trained with that brings no prompt."""


class Reading(BaseModel):
    """What a checkpoint was trained to read; the content of ``qrm-teacher.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    prompt: Prompt | None = None
    """``None`` where the tokenizer joins pairs."""
    max_query_tokens: Annotated[int, Field(ge=1)]
    """A query's tokens beyond are cut off."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Token ids around a query and a text.

    Attributes:
        before: Ahead of the query.
        between: After the query and before the text.
        after: Behind the text.
        typed: The model tells query and text apart by token types; the text is of type 1.
        lead: Put before query and text when they are tokenised: the blank that a prompt's words
            ask for, which belongs to the word behind it.
    """

    before: tuple[int, ...]
    between: tuple[int, ...]
    after: tuple[int, ...]
    typed: bool = False
    lead: str = ""

    @property
    def size(self) -> int:
        """Tokens that are neither query nor text."""
        return len(self.before) + len(self.between) + len(self.after)


def bert_frame(tokenizer: "PreTrainedTokenizerFast") -> Frame:
    """Return BERT's frame: ``[CLS] query [SEP] text [SEP]``."""
    head, between = tokenizer.cls_token_id, tokenizer.sep_token_id
    return Frame((head,), (between,), (between,), typed=True)


def frame_for(
    tokenizer: "PreTrainedTokenizerFast", config: "PretrainedConfig", prompt: Prompt | None
) -> Frame:
    """Return the frame of a prompt, or the one that the tokenizer puts around a pair.

    Args:
        tokenizer: Of the checkpoint.
        config: Of the checkpoint; says whether the model has token types.
        prompt: ``None`` for the tokenizer's own.

    Raises:
        ConfigError: If the tokenizer does not tell where a query ends.
    """
    if prompt is None:
        return _pair_frame(tokenizer, config)
    first = tokenizer(_LETTER).encodings[0]
    opening = first.ids[: _positions(first.sequence_ids, 0)[0]]
    words = [prompt.query, prompt.text, prompt.answer]
    query, text, answer = tokenizer(words, add_special_tokens=False)["input_ids"]
    return Frame((*opening, *query), tuple(text), tuple(answer), lead=" ")


def _pair_frame(tokenizer: "PreTrainedTokenizerFast", config: "PretrainedConfig") -> Frame:
    pair = tokenizer(_LETTER, _LETTER).encodings[0]
    query, text = (_positions(pair.sequence_ids, number) for number in (0, 1))
    typed = "token_type_ids" in tokenizer.model_input_names
    return Frame(
        before=tuple(pair.ids[: query[0]]),
        between=tuple(pair.ids[query[-1] + 1 : text[0]]),
        after=tuple(pair.ids[text[-1] + 1 :]),
        typed=typed and getattr(config, "type_vocab_size", 0) > 1,
    )


def _positions(sequences: Sequence[int | None], wanted: int) -> list[int]:
    found = [place for place, sequence in enumerate(sequences) if sequence == wanted]
    if not found:
        message = f"the tokenizer reads nothing in {_LETTER!r}: it cannot be used for pairs"
        raise ConfigError(message)
    return found


def reads_last_token(config: "PretrainedConfig") -> bool:
    """Tell whether a checkpoint is a decoder-only language model, such as Qwen3 or Llama.

    Its tokenizer does not join pairs, and its head scores the last token.
    """
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    )

    kind = config.model_type
    return (
        kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and kind not in MODEL_FOR_MASKED_LM_MAPPING_NAMES
    )


def agree_on_padding(tokenizer: "PreTrainedTokenizerFast", config: "PretrainedConfig") -> None:
    """Give tokenizer and model the same padding token; language models often have none.

    A head that scores the last token finds it by what is no padding.

    Raises:
        ConfigError: If there is no token to pad with.
    """
    if tokenizer.pad_token is None:
        if tokenizer.eos_token is None:
            message = "the tokenizer has neither a padding token nor an end token to pad with"
            raise ConfigError(message)
        tokenizer.pad_token = tokenizer.eos_token
    if config.pad_token_id is None or reads_last_token(config):
        config.pad_token_id = tokenizer.pad_token_id


def read_reading(checkpoint: str) -> Reading | None:
    """Read how a checkpoint reads; ``None`` where its folder does not say, or it is no folder.

    Raises:
        ConfigError: If the file is damaged.
    """
    file = Path(checkpoint) / READING_FILE
    if not file.is_file():
        return None
    try:
        return Reading.model_validate_json(file.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        message = f"{file}: {place}: {first['msg']}"
        raise ConfigError(message) from error


def write_reading(checkpoint: Path, reading: Reading) -> None:
    """Write into a checkpoint's folder how it reads."""
    text = reading.model_dump_json(indent=2) + "\n"
    (checkpoint / READING_FILE).write_text(text, encoding="utf-8")
