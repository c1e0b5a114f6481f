"""Which networks can become students, what CTranslate2 gets wrong on them, and what cannot."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from qrmiddleware.errors import ConfigError
from qrmiddleware.students.manifest import Kind

Mend = Literal["absolute_positions", "post_norm", "output_scale"]
Check = Literal["pad_is_one", "pad_is_last"]
Head = Literal["pooler", "dense_tanh", "dense_relu"]

ENCODES: Final[tuple[Kind, ...]] = ("cross_encoder", "bi_encoder")
GENERATES: Final[tuple[Kind, ...]] = ("generator",)


@dataclass(frozen=True, slots=True)
class Family:
    """A network that CTranslate2 has a loader for, as one ``model_type`` names it.

    Attributes:
        model_type: As ``config.json`` says it.
        examples: Models that people know.
        kinds: What students of it can be.
        loader: Configuration class by which CTranslate2 finds its loader.
        mends: What its loader gets wrong with transformers 5, and the converter puts right.
        checks: What must hold of a checkpoint, since the loader takes it for granted.
        head: How a cross-encoder ends: ``pooler`` is a linear layer over BERT's pooler,
            ``dense_…`` is a dense layer over the first token, its activation, and a linear one.
        token_types: It tells query and text apart by token types.
        encoder_decoder: It reads with an encoder and writes with a decoder.
        position_offset: Places of the position table that no token takes.
    """

    model_type: str
    examples: str
    kinds: tuple[Kind, ...]
    loader: str
    mends: tuple[Mend, ...] = ()
    checks: tuple[Check, ...] = ()
    head: Head | None = None
    token_types: bool = False
    encoder_decoder: bool = False
    position_offset: int = 0


def _roberta(model_type: str, examples: str, loader: str) -> Family:
    return Family(
        model_type,
        examples,
        ENCODES,
        loader,
        mends=("absolute_positions",),
        checks=("pad_is_one",),
        head="dense_tanh",
        position_offset=2,
    )


_FAMILIES: Final = (
    Family(
        "bert",
        "BERT, MiniLM, TinyBERT, BGE, E5, GTE, MS MARCO cross-encoders",
        ENCODES,
        "BertConfig",
        mends=("absolute_positions",),
        head="pooler",
        token_types=True,
    ),
    _roberta("roberta", "RoBERTa, DistilRoBERTa", "RobertaConfig"),
    _roberta("xlm-roberta", "XLM-R, multilingual E5, BGE-M3 (dense)", "XLMRobertaConfig"),
    _roberta("camembert", "CamemBERT", "CamembertConfig"),
    Family("distilbert", "DistilBERT", ENCODES, "DistilBertConfig", head="dense_relu"),
    Family("gpt2", "GPT-2, DistilGPT-2", GENERATES, "GPT2Config"),
    Family("llama", "Llama 2 and 3, SmolLM, TinyLlama", GENERATES, "LlamaConfig"),
    Family("qwen2", "Qwen2, Qwen2.5", GENERATES, "Qwen2Config"),
    Family("qwen3", "Qwen3", GENERATES, "Qwen3Config"),
    Family(
        "t5",
        "T5, T5 v1.1, FLAN-T5",
        GENERATES,
        "T5Config",
        mends=("output_scale",),
        encoder_decoder=True,
    ),
    Family("mt5", "mT5", GENERATES, "MT5Config", mends=("output_scale",), encoder_decoder=True),
    Family("bart", "BART", GENERATES, "BartConfig", mends=("post_norm",), encoder_decoder=True),
    Family(
        "marian",
        "Marian, OPUS-MT",
        GENERATES,
        "MarianConfig",
        checks=("pad_is_last",),
        encoder_decoder=True,
    ),
)
FAMILIES: Final[Mapping[str, Family]] = MappingProxyType(
    {family.model_type: family for family in _FAMILIES}
)
"""What can be converted, by ``model_type``."""

_NO_LOADER: Final = "CTranslate2 has no loader for it; it can be a teacher"
REFUSED: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(
            ("modernbert", "deberta", "deberta-v2", "electra", "mpnet", "albert", "nomic_bert"),
            _NO_LOADER,
        ),
        "umt5": "its conversion has not been compared with the original here",
        "pegasus": "its conversion has not been compared with the original here",
    }
)
"""Known ``model_type``s that are refused, each with the reason."""


def family_of(model_type: str, *, kind: Kind | None = None) -> Family:
    """Look a ``model_type`` up.

    Args:
        model_type: As ``config.json`` says it.
        kind: What the student shall be; any if not given.

    Raises:
        ConfigError: If it cannot be converted, or not to that; says what can.
    """
    family = FAMILIES.get(model_type)
    if family is None:
        reason = REFUSED.get(model_type, "it is not known here")
        message = f"{model_type!r} cannot be made a student: {reason}. {what_can()}"
        raise ConfigError(message)
    if kind is not None and kind not in family.kinds:
        message = (
            f"{model_type!r} cannot be made a {kind}, only a {' or '.join(family.kinds)}. "
            f"{what_can(kind)}"
        )
        raise ConfigError(message)
    return family


def what_can(kind: Kind | None = None) -> str:
    """Say in a sentence which ``model_type``s can be converted, to a kind or at all."""
    fitting = [name for name, family in FAMILIES.items() if kind is None or kind in family.kinds]
    return f"What can be a {kind or 'student'}: {', '.join(fitting)}"
