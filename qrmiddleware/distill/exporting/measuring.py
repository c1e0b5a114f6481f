"""Asks checkpoint and conversion the same, and compares what they say."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from qrmiddleware.distill.exporting import converted
from qrmiddleware.distill.exporting.heads import HeadWeights
from qrmiddleware.distill.exporting.parity import (
    largest_difference,
    mean_cosine,
    rank_correlation,
    share_equal,
)
from qrmiddleware.distill.exporting.probes import Probe, texts_of
from qrmiddleware.distill.exporting.reference import Ids, Reference
from qrmiddleware.students.manifest import Manifest, Parity

Numbers = npt.NDArray[np.floating[Any]]

WRITTEN: Final = 8
"""Tokens that a generator writes for each probe."""


@dataclass(frozen=True, slots=True)
class Conversions:
    """What is compared with a checkpoint.

    Attributes:
        plain: Folder of the network in float32.
        stored: Folder of the network as it shall be stored.
        head: What comes after the encoder; ``None`` without.
    """

    plain: Path
    stored: Path
    head: HeadWeights | None


def measure_parity(
    reference: Reference, conversions: Conversions, student: Manifest, probes: Sequence[Probe]
) -> Parity:
    """Compare a conversion with its checkpoint.

    Args:
        reference: The checkpoint.
        conversions: What was made of it.
        student: Says what the student is; its ``files`` and ``parity`` do not matter.
        probes: Cut where they are longer than the student reads.
    """
    probes = tuple(_fitting(reference, student, probe) for probe in probes)
    match student.kind:
        case "cross_encoder":
            return _of_scores(reference, conversions, student, probes)
        case "bi_encoder":
            return _of_vectors(reference, conversions, student, texts_of(probes))
        case "generator":
            return _of_outputs(reference, conversions, student, probes)


def scores_of(logits: Numbers, gains: Sequence[float]) -> Numbers:
    """Turn logits into what hits are ranked by; shape (rows, labels) to (rows,)."""
    if not gains:
        return logits[:, 0]
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    scores: Numbers = shares @ np.asarray(gains, dtype=np.float32)
    return scores


def _of_scores(
    reference: Reference, conversions: Conversions, student: Manifest, probes: Sequence[Probe]
) -> Parity:
    theirs = reference.logits(probes)
    rows = [reference.pair_ids(*probe) for probe in probes]
    plain, stored = _encoded(conversions, student, rows)
    gains = student.gains
    return Parity(
        probes=len(probes),
        float32_difference=largest_difference(plain, theirs),
        correlation=rank_correlation(scores_of(stored, gains), scores_of(theirs, gains)),
    )


def _of_vectors(
    reference: Reference, conversions: Conversions, student: Manifest, texts: Sequence[str]
) -> Parity:
    pooling = student.architecture.pooling
    theirs = reference.vectors(texts, pooling) if pooling else np.empty(0)
    if conversions.head is not None:
        theirs = conversions.head.applied(theirs)
    ids = [reference.text_ids(text) for text in texts]
    plain, stored = _encoded(conversions, student, [(each, (0,) * len(each)) for each in ids])
    return Parity(
        probes=len(texts),
        float32_difference=largest_difference(plain, theirs),
        correlation=mean_cosine(stored, theirs),
    )


def _encoded(
    conversions: Conversions, student: Manifest, rows: Sequence[tuple[Ids, Ids]]
) -> tuple[Numbers, Numbers]:
    """Return logits or vectors of the conversion in float32, and as it is stored."""
    answers: list[Numbers] = []
    for folder, compute_type in ((conversions.plain, "float32"), (conversions.stored, "default")):
        model = converted.open_encoder(folder, compute_type)
        vectors = converted.encode(model, rows, student.architecture.pooling or "mean")
        head = conversions.head
        answers.append(vectors if head is None else head.applied(vectors))
    return answers[0], answers[1]


def _of_outputs(
    reference: Reference, conversions: Conversions, student: Manifest, probes: Sequence[Probe]
) -> Parity:
    both = reference.checkpoint.family.encoder_decoder
    plain = converted.open_writer(conversions.plain, "float32", encoder_decoder=both)
    stored = converted.open_writer(conversions.stored, "default", encoder_decoder=both)
    apart = 0.0
    for query, text in probes:
        source = _prompt(student, query)
        sources = reference.tokens(reference.text_ids(source))
        targets = reference.tokens(reference.plain_ids(text))
        ours = converted.log_probabilities(plain, sources, targets, encoder_decoder=both)
        theirs = reference.log_probabilities(source, text)
        apart = max(apart, largest_difference(ours, theirs))
    queries = [_prompt(student, text) for text in texts_of(probes)]
    written = [reference.tokens(reference.greedy(query, WRITTEN)) for query in queries]
    again = [
        list(
            converted.greedy(
                stored, reference.tokens(reference.text_ids(query)), WRITTEN, encoder_decoder=both
            )
        )
        for query in queries
    ]
    return Parity(
        probes=len(probes), float32_difference=apart, equal_outputs=share_equal(again, written)
    )


def _prompt(student: Manifest, query: str) -> str:
    return student.inputs.prompt.replace("{query}", query)


def _fitting(reference: Reference, student: Manifest, probe: Probe) -> Probe:
    """Cut the longer of query and text until the student reads the whole of both."""
    query, text = probe
    while (query or text) and not _fits(reference, student, query, text):
        if len(query) > len(text):
            query = query[: len(query) * 3 // 4]
        else:
            text = text[: len(text) * 3 // 4]
    return query, text


def _fits(reference: Reference, student: Manifest, query: str, text: str) -> bool:
    inputs = student.inputs
    if len(reference.plain_ids(query)) > inputs.max_query_tokens:
        return False
    match student.kind:
        case "cross_encoder":
            return len(reference.pair_ids(query, text)[0]) <= inputs.max_tokens
        case "bi_encoder":
            return all(len(reference.text_ids(each)) <= inputs.max_tokens for each in (query, text))
        case "generator":
            prompt = reference.text_ids(_prompt(student, query))
            return len(prompt) + len(reference.plain_ids(text)) + WRITTEN <= inputs.max_tokens
