"""A Hugging Face sequence classifier or cross-encoder as teacher."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qrmiddleware.distill.batching import Encoded, encode_pairs, token_batches, types_of
from qrmiddleware.distill.classes import ESCI
from qrmiddleware.distill.labels import (
    Label,
    LabellingError,
    Pair,
    expected_gain,
    label_for,
)
from qrmiddleware.distill.placing import Device, Precision, device_of, dtype_of
from qrmiddleware.distill.reading import (
    QUERY_PRODUCT,
    READING_FILE,
    Frame,
    Reading,
    agree_on_padding,
    frame_for,
    read_reading,
    reads_last_token,
)
from qrmiddleware.distill.weights import add_files
from qrmiddleware.errors import ConfigError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class ClassifierOptions:
    """Which checkpoint labels, and how.

    Attributes:
        checkpoint: Folder, or name at the hub. Its weights are safetensors; pickles are refused.
        gains: What its classes are worth, by their names in its configuration; empty where these
            are exact, substitute, complement and irrelevant, or their initials.
        device: ``auto`` takes a GPU where there is one.
        precision: ``auto`` takes bfloat16 on a GPU that has it, float32 elsewhere.
        batch_tokens: Of a batch, padding included.
        max_tokens: Of query and text together; a longer one is cut.
    """

    checkpoint: str
    gains: Mapping[str, float] = field(default_factory=dict)
    device: Device = "auto"
    precision: Precision = "auto"
    batch_tokens: int = 8192
    max_tokens: int = 256


class ClassifierTeacher:
    """Scores pairs in batches of like length.

    Classes become probabilities and a target by their gains. A single logit is kept as it is, and
    its sigmoid is the target.

    A checkpoint with ``qrm-teacher.json`` beside it reads as that says: with its prompt, queries
    cut as in its training. Another reads pairs as its tokenizer joins them; a language model has
    to say.

    Raises:
        ConfigError: If there is no such checkpoint, it cannot be used, or its classes have no
            gains.
    """

    def __init__(self, options: ClassifierOptions) -> None:
        self._options = options
        self._tokenizer, self._model = _load(options)
        self._reading = _reading(options, self._model)
        if self._reading is not None:
            prompt = self._reading.prompt
            self._frame = frame_for(self._tokenizer, self._model.config, prompt)
            _check_room(options, self._reading, self._frame)
        labels = self._model.config.id2label
        self._classes = tuple(str(labels[number]) for number in range(self._model.num_labels))
        if self._model.num_labels > 1:
            self._classes, self._gains = _gains(self._classes, options)
        self._name = _identity(options, self._model, self._classes)

    @property
    def name(self) -> str:
        """Checkpoint and a hash: of its files if it is a folder, else of its revision."""
        return self._name

    def label(self, pairs: Sequence[Pair]) -> Iterator[Label]:
        """Label pairs, longest first, so that too large a batch fails at once.

        Raises:
            LabellingError: If the model gives what is no number.
        """
        ids = self._read(pairs)
        lengths = [len(row) for row in ids["input_ids"]]
        for batch in token_batches(lengths, budget=self._options.batch_tokens):
            rows = {name: [values[number] for number in batch] for name, values in ids.items()}
            for number, logits in zip(batch, self._logits(rows), strict=True):
                yield self._label(pairs[number], logits)

    def _read(self, pairs: Sequence[Pair]) -> Mapping[str, list[list[int]]]:
        reading = self._reading
        if reading is None:
            joined: Mapping[str, list[list[int]]] = self._tokenizer(
                [pair.query for pair in pairs],
                [pair.text for pair in pairs],
                truncation="longest_first",
                max_length=self._options.max_tokens,
            )
            return joined
        asked: dict[str, list[int]] = {}
        for number, pair in enumerate(pairs):
            asked.setdefault(pair.query, []).append(number)
        rows: dict[int, Encoded] = {}
        for query, numbers in asked.items():
            encoded = encode_pairs(
                self._tokenizer,
                query,
                [pairs[number].text for number in numbers],
                max_query_tokens=reading.max_query_tokens,
                max_tokens=self._options.max_tokens,
                frame=self._frame,
            )
            rows.update(zip(numbers, encoded, strict=True))
        return _columns([rows[number] for number in range(len(pairs))])

    def _logits(self, rows: Mapping[str, Any]) -> list[list[float]]:
        import torch

        tensors = self._tokenizer.pad(rows, return_tensors="pt").to(self._model.device)
        with torch.inference_mode():
            logits: list[list[float]] = self._model(**tensors).logits.float().cpu().tolist()
        return logits

    def _label(self, pair: Pair, logits: Sequence[float]) -> Label:
        if not all(map(math.isfinite, logits)):
            message = (
                f"{self._options.checkpoint} answered {list(logits)} for query {pair.query!r}, "
                f"document {pair.doc_id}: these are no numbers; try --precision float32"
            )
            raise LabellingError(message)
        if len(logits) == 1:
            return replace(label_for(pair, self._name, sigmoid(logits[0])), logit=logits[0])
        shares = dict(zip(self._classes, softmax(logits), strict=True))
        label = label_for(pair, self._name, expected_gain(shares, self._gains))
        return replace(
            label, probabilities=shares, grade=max(shares, key=lambda each: shares[each])
        )


def sigmoid(logit: float) -> float:
    """Return 1 / (1 + e^-logit), also where e^-logit is too large for a float."""
    if logit >= 0:
        return 1.0 / (1.0 + math.exp(-logit))
    return math.exp(logit) / (1.0 + math.exp(logit))


def softmax(logits: Sequence[float]) -> list[float]:
    """Return e^logit, made to sum to 1."""
    highest = max(logits)
    shares = [math.exp(logit - highest) for logit in logits]
    total = math.fsum(shares)
    return [share / total for share in shares]


def _load(
    options: ClassifierOptions,
) -> "tuple[PreTrainedTokenizerBase, PreTrainedModel]":
    try:
        import torch  # noqa: F401 tells that it is missing
        from transformers import (
            AutoModelForSequenceClassification,
            AutoTokenizer,
        )
    except ImportError as error:
        message = "a classifier as teacher needs torch: pip install 'qrmiddleware[distill]'"
        raise ConfigError(message) from error
    device = device_of(options.device)
    try:
        tokenizer = AutoTokenizer.from_pretrained(options.checkpoint)
        model = AutoModelForSequenceClassification.from_pretrained(
            options.checkpoint, dtype=dtype_of(options.precision, device), use_safetensors=True
        )
    except (OSError, ValueError, KeyError) as error:
        message = f"{options.checkpoint}: cannot be loaded as a classifier: {error}"
        raise ConfigError(message) from error
    agree_on_padding(tokenizer, model.config)
    tokenizer.padding_side = "right"  # as in training; before a row it would shift positions
    return tokenizer, model.to(device).eval()


def _reading(options: ClassifierOptions, model: "PreTrainedModel") -> Reading | None:
    """Return how the checkpoint says it reads; a language model without a prompt is refused."""
    reading = read_reading(options.checkpoint)
    prompt = reading.prompt if reading else None
    if prompt is None and reads_last_token(model.config):
        example = Reading(prompt=QUERY_PRODUCT, max_query_tokens=24).model_dump_json()
        message = (
            f"{options.checkpoint} is a language model ({model.config.model_type}) and does not "
            f"say which words it was trained on: put a {READING_FILE} into its folder, such as "
            f"{example}"
        )
        raise ConfigError(message)
    return reading


def _check_room(options: ClassifierOptions, reading: Reading, frame: Frame) -> None:
    least = reading.max_query_tokens + frame.size + 1
    if options.max_tokens < least:
        message = (
            f"{options.checkpoint} reads {reading.max_query_tokens} tokens of a query and "
            f"{frame.size} around it: {options.max_tokens} leave none for a text; give at least "
            f"--max-tokens {least}"
        )
        raise ConfigError(message)


def _columns(rows: Sequence[Encoded]) -> dict[str, list[list[int]]]:
    columns = {
        "input_ids": [list(row.ids) for row in rows],
        "attention_mask": [[1] * len(row.ids) for row in rows],
    }
    if any(row.first is not None for row in rows):
        columns["token_type_ids"] = [types_of(row) for row in rows]
    return columns


def _gains(
    names: Sequence[str], options: ClassifierOptions
) -> tuple[tuple[str, ...], dict[str, float]]:
    """Return the classes as labels call them, and what each is worth."""
    if options.gains:
        if set(options.gains) != set(names):
            message = (
                f"{options.checkpoint} has the classes {', '.join(names)}; gains are given for "
                f"{', '.join(options.gains)}: give one for each"
            )
            raise ConfigError(message)
        return tuple(names), dict(options.gains)
    known = [ESCI.find(name) for name in names]
    found = {each.code: each.gain for each in known if each is not None}
    if len(found) < len(names):
        message = (
            f"{options.checkpoint} has the classes {', '.join(names)}: say what each is worth, "
            f"such as --gain {names[0]}=1"
        )
        raise ConfigError(message)
    return tuple(found), found


def _identity(options: ClassifierOptions, model: "PreTrainedModel", classes: Sequence[str]) -> str:
    told = sha256(repr((options.max_tokens, str(model.dtype), classes)).encode())
    told.update(repr(sorted(options.gains.items())).encode())
    folder = Path(options.checkpoint)
    if folder.is_dir():
        add_files(told, folder)
    else:
        told.update(str(getattr(model.config, "_commit_hash", "")).encode())
    name = folder.name if folder.is_dir() else options.checkpoint
    return f"classifier:{name}:{told.hexdigest()[:8]}"
