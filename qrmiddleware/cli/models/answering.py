"""Lets a student answer probes, through the runtime that serves it."""

from collections.abc import Sequence

from qrmiddleware.distill.exporting.probes import Probe, texts_of
from qrmiddleware.errors import ConfigError
from qrmiddleware.students.bi_encoder import BiEncoder
from qrmiddleware.students.cross_encoder import CrossEncoder
from qrmiddleware.students.folder import StudentFolder
from qrmiddleware.students.generator import DecodingOptions, Generator
from qrmiddleware.students.opening import open_folder
from qrmiddleware.students.reasons import Reasons, reasons_of
from qrmiddleware.students.settings import RuntimeSettings

_SETTINGS = RuntimeSettings(device="cpu", inter_threads=1, intra_threads=1, cache_bytes=0)


def answer(student: StudentFolder, probes: Sequence[Probe]) -> str:
    """Let a student answer, and describe its answers in a line.

    Raises:
        ConfigError: If it cannot be loaded, or a number of its answers is not finite.
    """
    try:
        match student.manifest.kind:
            case "cross_encoder":
                return _scores(student, probes)
            case "bi_encoder":
                return _vectors(student, texts_of(probes))
            case "generator":
                return _texts(student, texts_of(probes))
    except ValueError as error:
        raise ConfigError(str(error)) from error


def reasons(student: StudentFolder, query: str, texts: Sequence[str]) -> list[Reasons]:
    """Score texts for a query, and say why; a bi-encoder has a score only.

    Raises:
        ConfigError: If the student cannot be loaded, or a number of its answers is not finite.
    """
    opened = open_folder(student, _SETTINGS)
    try:
        if isinstance(opened, CrossEncoder):
            return reasons_of(opened, query, texts)
        return [Reasons(score, {}, {}) for score in opened.scores(query, texts).tolist()]
    except ValueError as error:
        raise ConfigError(str(error)) from error
    finally:
        opened.close()


def _scores(student: StudentFolder, probes: Sequence[Probe]) -> str:
    opened = CrossEncoder.open(student.path, _SETTINGS)
    try:
        scores = [float(opened.scores(query, [text])[0]) for query, text in probes]
    finally:
        opened.close()
    return f"{len(scores)} pairs are scored from {min(scores):.3f} to {max(scores):.3f}"


def _vectors(student: StudentFolder, texts: Sequence[str]) -> str:
    opened = BiEncoder.open(student.path, _SETTINGS)
    try:
        vectors = opened.vectors(texts)
    finally:
        opened.close()
    return f"{len(vectors)} texts have vectors of {vectors.shape[1]} numbers"


def _texts(student: StudentFolder, queries: Sequence[str]) -> str:
    opened = Generator.open(student.path, _SETTINGS)
    options = DecodingOptions(n=1, beams=1, drop_echoes=False)
    try:
        found = [rewrite for query in queries for rewrite in opened.generate(query, options)]
    finally:
        opened.close()
    means = [rewrite.log_probability for rewrite in found]
    if not found:
        return f"of {len(queries)} queries, none has a rewrite that ends in time"
    return (
        f"{len(found)} of {len(queries)} queries have a rewrite of log-probability "
        f"{min(means):.2f} to {max(means):.2f}"
    )
