"""Asks checkpoint and conversion the same, and compares what they say."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from qrmiddleware.distill.exporting import converted
from qrmiddleware.distill.exporting.parity import (
    largest_difference,
    mean_cosine,
    rank_correlation,
    share_equal,
)
from qrmiddleware.distill.exporting.probes import Probe, texts_of
from qrmiddleware.distill.exporting.reference import Ids, Reference
from qrmiddleware.students.bi_encoder import BiEncoder
from qrmiddleware.students.cross_encoder import CrossEncoder
from qrmiddleware.students.folder import StudentFolder
from qrmiddleware.students.generator import Generator
from qrmiddleware.students.generator.prompts import Prompts
from qrmiddleware.students.heads import Floats, Head, softmax
from qrmiddleware.students.manifest import Manifest, Parity
from qrmiddleware.students.settings import ComputeType, RuntimeSettings
from qrmiddleware.students.tokens import load_tokenizer

WRITTEN: Final = 8
"""Tokens that a generator writes for each probe."""


def measure_parity(
    reference: Reference, plain: Path, student: StudentFolder, probes: Sequence[Probe]
) -> Parity:
    """Compare a student with its checkpoint.

    Its network in float32 gets the token ids that the checkpoint gets. As it is stored, an encoder
    is asked through the runtime that serves it, tokenizer and head included.

    Args:
        reference: The checkpoint.
        plain: Folder of the network, converted in float32.
        student: What was made of it.
        probes: Cut where they are longer than the student reads.
    """
    probes = tuple(_fitting(reference, student.manifest, probe) for probe in probes)
    match student.manifest.kind:
        case "cross_encoder":
            return _of_scores(reference, plain, student, probes)
        case "bi_encoder":
            return _of_vectors(reference, plain, student, probes)
        case "generator":
            return _of_outputs(reference, plain, student, probes)


def as_stored(manifest: Manifest) -> RuntimeSettings:
    """Compute in the precision of the stored weights, on one thread of the CPU."""
    compute: ComputeType = "int8" if manifest.stored.startswith("int8") else "float32"
    return RuntimeSettings(
        device="cpu", compute_type=compute, inter_threads=1, intra_threads=1, cache_bytes=0
    )


def _of_scores(
    reference: Reference, plain: Path, student: StudentFolder, probes: Sequence[Probe]
) -> Parity:
    theirs = reference.logits(probes)
    rows = [reference.pair_ids(*probe) for probe in probes]
    served = CrossEncoder.open(student.path, as_stored(student.manifest))
    try:
        ours = np.concatenate([served.logits(query, [text]) for query, text in probes])
        verdicts = np.concatenate([served.verdicts(query, [text]) for query, text in probes])
    finally:
        served.close()
    gains, classes = student.manifest.gains, ours.shape[1]
    return Parity(
        probes=len(probes),
        float32_difference=largest_difference(_encoded(plain, student, rows), theirs),
        correlation=rank_correlation(_scores(ours, gains), _scores(theirs[:, :classes], gains)),
        equal_verdicts=_equal_verdicts(verdicts, theirs[:, classes:]),
    )


def _equal_verdicts(ours: Floats, theirs: Floats) -> float | None:
    """Return the share of all probes' aspects with the same likeliest verdict.

    Args:
        ours: Shape (probes, aspects, verdicts).
        theirs: Logits, shape (probes, aspects x verdicts).
    """
    if not ours.size:
        return None
    said, wanted = (each.argmax(axis=2).ravel() for each in (ours, theirs.reshape(ours.shape)))
    return share_equal(said.tolist(), wanted.tolist())


def _of_vectors(
    reference: Reference, plain: Path, student: StudentFolder, probes: Sequence[Probe]
) -> Parity:
    inputs = student.manifest.inputs
    queries, texts = (tuple(dict.fromkeys(side)) for side in zip(*probes, strict=True))
    read = [inputs.query_prefix + query for query in queries]
    read += [inputs.text_prefix + text for text in texts]
    theirs = _head_of(student)(_pooled_by(reference, student, read))
    ids = [reference.text_ids(text) for text in read]
    rows = [(each, (0,) * len(each)) for each in ids]
    served = BiEncoder.open(student.path, as_stored(student.manifest))
    try:
        ours = np.concatenate([served.vectors(queries, query=True), served.vectors(texts)])
    finally:
        served.close()
    return Parity(
        probes=len(read),
        float32_difference=largest_difference(_encoded(plain, student, rows), theirs),
        correlation=mean_cosine(ours, theirs),
    )


def _pooled_by(reference: Reference, student: StudentFolder, texts: Sequence[str]) -> Floats:
    return reference.vectors(texts, student.manifest.architecture.pooling or "mean")


def _encoded(plain: Path, student: StudentFolder, rows: Sequence[tuple[Ids, Ids]]) -> Floats:
    pooling = student.manifest.architecture.pooling or "mean"
    model, head = converted.open_encoder(plain), _head_of(student)
    vectors = converted.encode(model, rows, pooling)
    if head.aspects is None:
        return head(vectors)
    return np.concatenate([head(vectors), head.verdicts(vectors)], axis=1)


def _head_of(student: StudentFolder) -> Head:
    file = student.head_file
    return Head() if file is None else Head.read(file, student.manifest)


def _scores(logits: Floats, gains: Sequence[float]) -> Floats:
    """Turn logits into what hits are ranked by; shape (rows, labels) to (rows,)."""
    if not gains:
        return logits[:, 0]
    return softmax(logits) @ np.asarray(gains, dtype=np.float32)


def _of_outputs(
    reference: Reference, plain: Path, student: StudentFolder, probes: Sequence[Probe]
) -> Parity:
    Generator.open(student.path, as_stored(student.manifest)).close()
    prompts = Prompts(load_tokenizer(student.tokenizer_file), student.manifest.inputs)
    both = reference.checkpoint.family.encoder_decoder
    exact = converted.open_writer(plain, "float32", encoder_decoder=both)
    differences: list[float] = []
    for query, text in probes:
        theirs = reference.log_probabilities(_prompt(student.manifest, query), text)
        if theirs.size:
            targets = reference.tokens(reference.plain_ids(text))
            sources = _sources(reference, prompts, query)
            ours = converted.log_probabilities(exact, sources, targets, encoder_decoder=both)
            differences.append(largest_difference(ours, theirs))
    return Parity(
        probes=len(differences),
        float32_difference=max(differences, default=float("inf")),
        equal_outputs=_share_equal(reference, student, prompts, texts_of(probes)),
    )


def _share_equal(
    reference: Reference, student: StudentFolder, prompts: Prompts, queries: Sequence[str]
) -> float:
    both = reference.checkpoint.family.encoder_decoder
    compute = as_stored(student.manifest).compute_type
    model = converted.open_writer(student.model_folder, compute, encoder_decoder=both)
    theirs: list[Sequence[str]] = []
    ours: list[Sequence[str]] = []
    for query in queries:
        if sources := _sources(reference, prompts, query):
            written = reference.greedy(_prompt(student.manifest, query), WRITTEN)
            theirs.append(tuple(reference.tokens(written)))
            ours.append(converted.greedy(model, sources, WRITTEN, encoder_decoder=both))
    return share_equal(ours, theirs)


def _sources(reference: Reference, prompts: Prompts, query: str) -> tuple[str, ...]:
    """Return the tokens of a prompt as the runtime that serves the student writes them."""
    tokens = prompts.tokens(query)
    ended = tokens[-1:] == (reference.tokenizer.eos_token,)
    return tokens[:-1] if ended and not reference.checkpoint.family.encoder_decoder else tokens


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
            read = inputs.query_prefix + query, inputs.text_prefix + text
            return all(len(reference.text_ids(each)) <= inputs.max_tokens for each in read)
        case "generator":
            prompt = reference.source_ids(_prompt(student, query))
            return len(prompt) + len(reference.plain_ids(text)) + WRITTEN <= inputs.max_tokens
