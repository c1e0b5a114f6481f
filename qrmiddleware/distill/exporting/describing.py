"""What a student's manifest says of it: the checkpoint's facts, and what its maker wishes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

from qrmiddleware.distill.exporting.checkpoint import Checkpoint
from qrmiddleware.distill.exporting.heads import POOLINGS
from qrmiddleware.distill.exporting.reference import Reference
from qrmiddleware.distill.exporting.tokenizer import gives_token_types
from qrmiddleware.errors import ConfigError
from qrmiddleware.students.manifest import (
    Architecture,
    Calibration,
    Inputs,
    Manifest,
    Pooling,
    Provenance,
)

Stored = Literal["float32", "float16", "int8", "int8_float16"]

ESCI_GAINS: Final[Mapping[str, float]] = {
    "exact": 1.0,
    "substitute": 0.1,
    "complement": 0.01,
    "irrelevant": 0.0,
}
"""What ESCI's classes are worth to its ranking measure."""
_FRAME: Final = 3
"""Special tokens of a pair, at least: before, between and after."""
_LETTERS: Final = {name[0]: name for name in ESCI_GAINS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the maker of a student says of it; see `export_student`."""

    name: str = ""
    description: str = ""
    languages: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    gains: tuple[float, ...] = ()
    aspects: tuple[str, ...] = ()
    verdicts: tuple[str, ...] = ()
    pooling: Pooling | None = None
    stored: Stored = "int8"
    inputs: Inputs | None = None
    calibration: Calibration | None = None
    provenance: Provenance = field(default_factory=Provenance)
    quality: Mapping[str, float] = field(default_factory=dict)


def describe(reference: Reference, wishes: Wishes) -> Manifest:
    """Say what the student is, but for its files and parity.

    Raises:
        ConfigError: If the wishes do not fit the checkpoint.
    """
    checkpoint = reference.checkpoint
    labels = _labels(checkpoint, wishes)
    if wishes.calibration is not None and (checkpoint.kind != "cross_encoder" or labels):
        message = "a calibration is of a cross-encoder with a single logit"
        raise ConfigError(message)
    inputs = _inputs(reference, wishes.inputs)
    if checkpoint.kind != "bi_encoder" and (inputs.query_prefix or inputs.text_prefix):
        message = f"prefixes are of a bi_encoder, and this is a {checkpoint.kind}"
        raise ConfigError(message)
    return Manifest(
        kind=checkpoint.kind,
        name=wishes.name or checkpoint.name,
        description=wishes.description,
        languages=wishes.languages,
        architecture=describe_network(reference, pooling_of(checkpoint, wishes.pooling)),
        stored=wishes.stored,
        inputs=inputs,
        labels=labels,
        gains=_gains(checkpoint, labels, wishes.gains),
        calibration=wishes.calibration,
        aspects=wishes.aspects,
        verdicts=wishes.verdicts,
        provenance=_provenance(checkpoint, wishes.provenance),
        quality=dict(wishes.quality),
        files={},
    )


def pooling_of(checkpoint: Checkpoint, wished: Pooling | None) -> Pooling | None:
    """Tell how token vectors become one; ``None`` for a generator.

    Raises:
        ConfigError: If the network cannot pool as wished, or was trained with another pooling.
    """
    head, surrounding = checkpoint.family.head, checkpoint.sentence_transformer
    if checkpoint.kind == "generator":
        found = None
    elif checkpoint.kind == "cross_encoder" and head is not None:
        found = POOLINGS[head]
    elif surrounding is not None:
        found = surrounding.pooling
    else:
        found = wished or "mean"
    if wished is not None and wished != found:
        message = f"{checkpoint.folder} pools by {found}, not by {wished}: leave the pooling out"
        raise ConfigError(message)
    if found == "pooler" and head != "pooler":
        message = f"a {checkpoint.family.model_type} has no pooler: pool by mean or first"
        raise ConfigError(message)
    return found


def _labels(checkpoint: Checkpoint, wishes: Wishes) -> tuple[str, ...]:
    if checkpoint.kind != "cross_encoder":
        if wishes.labels or wishes.gains:
            message = f"labels and gains are of a cross_encoder, and this is a {checkpoint.kind}"
            raise ConfigError(message)
        return ()
    found = _classes(checkpoint, len(wishes.aspects) * len(wishes.verdicts))
    if wishes.labels and len(wishes.labels) != len(found):
        message = (
            f"{len(wishes.labels)} labels are given, and {checkpoint.folder} has "
            f"{len(found) or 'a single logit, which needs none'}: {', '.join(found)}"
        )
        raise ConfigError(message.removesuffix(": "))
    return wishes.labels or found


def _classes(checkpoint: Checkpoint, helpers: int) -> tuple[str, ...]:
    """Return what the first logits are called, without those of verdicts on aspects behind them."""
    if not helpers:
        return checkpoint.labels
    left = len(checkpoint.labels) - helpers
    if left < 1:
        message = (
            f"{checkpoint.folder} has {len(checkpoint.labels) or 1} logits, and verdicts on "
            f"aspects alone need {helpers}, behind those of its classes"
        )
        raise ConfigError(message)
    return checkpoint.labels[:left] if left > 1 else ()


def _gains(
    checkpoint: Checkpoint, labels: tuple[str, ...], wished: tuple[float, ...]
) -> tuple[float, ...]:
    if wished and len(wished) != len(labels):
        message = f"{len(wished)} gains are given, and there are {len(labels)} labels: one each"
        raise ConfigError(message)
    if wished:
        if not all(0 <= gain <= 1 for gain in wished):
            message = f"gains are {wished}, and must be from 0 to 1"
            raise ConfigError(message)
        return wished
    names = [label.strip().lower() for label in labels]
    known = [_LETTERS.get(name, name) for name in names]
    if not set(known) <= ESCI_GAINS.keys():
        message = (
            f"{checkpoint.folder} has the classes {', '.join(labels)}: say what each is worth, "
            "from 0 to 1, in this order (--gains 0,0.5,1)"
        )
        raise ConfigError(message)
    return tuple(ESCI_GAINS[name] for name in known)


def describe_network(reference: Reference, pooling: Pooling | None) -> Architecture:
    """Say what the network is."""
    config, family = reference.model.config, reference.checkpoint.family
    layers = config.num_hidden_layers
    if family.encoder_decoder:
        decoder = getattr(config, "num_decoder_layers", None) or config.decoder_layers
        layers = (getattr(config, "encoder_layers", None) or layers) + decoder
    return Architecture(
        family=family.model_type,
        layers=layers,
        hidden=config.hidden_size,
        vocabulary=config.vocab_size,
        parameters=reference.parameters,
        encoder_decoder=family.encoder_decoder,
        pooling=pooling,
    )


def _inputs(reference: Reference, wished: Inputs | None) -> Inputs:
    """Take what is wished, lengths that the network has where none are, and facts."""
    checkpoint = reference.checkpoint
    given = set() if wished is None else wished.model_fields_set
    wished = wished or Inputs()
    most = checkpoint.positions
    if most is not None and "max_tokens" in given and wished.max_tokens > most:
        message = (
            f"inputs.max_tokens is {wished.max_tokens}, and {checkpoint.folder} has places for "
            f"{most} tokens"
        )
        raise ConfigError(message)
    facts: dict[str, Any] = {
        "token_types": checkpoint.kind == "cross_encoder"
        and checkpoint.family.token_types
        and gives_token_types(reference.tokenizer),
        "lowercase": _lowers(json.loads(reference.tokenizer.backend_tokenizer.to_str())),
    }
    surrounding = checkpoint.sentence_transformer
    if surrounding is not None and checkpoint.kind == "bi_encoder":
        found = {"query_prefix": surrounding.query_prefix, "text_prefix": surrounding.text_prefix}
        facts |= {name: prefix for name, prefix in found.items() if name not in given}
    if "max_tokens" not in given:
        trained = surrounding.max_tokens if surrounding else None
        facts["max_tokens"] = min(trained or wished.max_tokens, most or wished.max_tokens)
    if checkpoint.kind == "cross_encoder":
        longest = facts.get("max_tokens", wished.max_tokens)
        facts["max_query_tokens"] = _query_length(wished, longest, told="max_query_tokens" in given)
    return wished.model_copy(update=facts)


def _query_length(wished: Inputs, longest: int, *, told: bool) -> int:
    """Leave a text some of the tokens that a pair has: half of them where nothing is told."""
    if not told:
        return min(wished.max_query_tokens, max(1, longest // 2))
    if wished.max_query_tokens + _FRAME >= longest:
        message = (
            f"inputs.max_query_tokens is {wished.max_query_tokens}, which leaves a text nothing of "
            f"{longest} tokens: give fewer"
        )
        raise ConfigError(message)
    return wished.max_query_tokens


def _lowers(tokenizer: Mapping[str, Any]) -> bool:
    normalizer = tokenizer.get("normalizer") or {}
    steps = [normalizer, *normalizer.get("normalizers", ())]
    return any(step.get("lowercase") or step.get("type") == "Lowercase" for step in steps)


def _provenance(checkpoint: Checkpoint, known: Provenance) -> Provenance:
    weights = {"weights_sha256": dict(checkpoint.weight_hashes())}
    return known.model_copy(
        update={
            "base": known.base or checkpoint.name,
            "licence": known.licence or checkpoint.licence,
            "created": known.created or datetime.now(UTC).isoformat(timespec="seconds"),
            "settings": weights | known.settings,
        }
    )
