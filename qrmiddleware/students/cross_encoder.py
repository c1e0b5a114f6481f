"""Cross-encoders: a query and a text together in, one score or class probabilities out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np

from qrmiddleware.students.bounded_cache import content_key
from qrmiddleware.students.engine import Wanted
from qrmiddleware.students.folder import read_student
from qrmiddleware.students.heads import Floats, sigmoid, softmax
from qrmiddleware.students.manifest import Manifest
from qrmiddleware.students.opened import Counters, OpenedEncoder, StudentStatus, Tally, always
from qrmiddleware.students.score_cache import ScoreCache
from qrmiddleware.students.settings import RuntimeSettings


class CrossEncoder:
    """Scores texts for a query; may be called from many threads at once.

    A pair is computed once as long as the cache remembers it, repeats within a call included.
    What else is computed beside it changes its score by the last digits; in int8, now and then,
    by one rounding, which is some thousandths.

    Args:
        encoder: Opened; this closes it.
        cache: Of logits; several students may share one.
    """

    def __init__(self, encoder: OpenedEncoder, cache: ScoreCache) -> None:
        self._encoder = encoder
        self._cache = cache
        self._tally = Tally()
        self._gains = np.array(self.manifest.gains, np.float32)

    @classmethod
    def open(
        cls, path: Path, settings: RuntimeSettings | None = None, *, cache: ScoreCache | None = None
    ) -> Self:
        """Load a student's folder.

        Args:
            path: The folder.
            settings: How it runs; without, as `RuntimeSettings` has it.
            cache: One to share; without, its own of ``settings.cache_bytes``.

        Raises:
            ConfigError: If the folder holds no cross-encoder, or one that cannot work.
        """
        settings = settings or RuntimeSettings()
        encoder = OpenedEncoder(read_student(path, expect={"cross_encoder"}), settings)
        return cls(encoder, cache or ScoreCache(settings.cache_bytes))

    @property
    def manifest(self) -> Manifest:
        """What the folder says of itself."""
        return self._encoder.manifest

    @property
    def counters(self) -> Counters:
        """A snapshot; cheap."""
        return self._tally.counters

    def status(self) -> StudentStatus:
        """Tell where it computes, and what it did; cheap."""
        return self._encoder.status(self._tally.counters, self._cache.counts)

    def scores(self, query: str, texts: Sequence[str], *, wanted: Wanted = always) -> Floats:
        """Score texts for a query.

        Args:
            query: As typed; cut to the manifest's ``max_query_tokens``.
            texts: Cut to what the query leaves of ``max_tokens``; may be empty, and repeat.
            wanted: Asked while it waits; once it says ``False``, nothing more is computed.

        Returns:
            In the order of ``texts``, each between 0 and 1: the sum over classes of
            probability x gain, or the sigmoid of a single logit, calibrated if that was measured.

        Raises:
            ValueError: If the model or its head gives a number that is not finite.
            OverloadError: If too much waits already.
            concurrent.futures.CancelledError: If ``wanted`` said ``False``.
        """
        return self.worth(self.probabilities(query, texts, wanted=wanted))

    def worth(self, probabilities: Floats) -> Floats:
        """Return the scores, shape (texts,), that `probabilities` stand for."""
        if not self.manifest.labels:
            return probabilities[:, 0]
        return np.asarray(np.minimum(probabilities @ self._gains, 1), np.float32)

    def probabilities(self, query: str, texts: Sequence[str], *, wanted: Wanted = always) -> Floats:
        """Return the classes' probabilities; arguments and errors are those of `scores`.

        Returns:
            Shape (texts, labels) in the order of the manifest's labels; of a student with a
            single logit shape (texts, 1), which holds its scores.
        """
        logits = self.logits(query, texts, wanted=wanted)
        if self.manifest.labels:
            return softmax(logits)
        return sigmoid(logits, self.manifest.calibration)

    def logits(self, query: str, texts: Sequence[str], *, wanted: Wanted = always) -> Floats:
        """Return what the head gives; arguments and errors are those of `scores`.

        Returns:
            Shape (texts, labels), or (texts, 1).
        """
        keys = [content_key(text) for text in texts]
        by_key = dict(zip(keys, texts, strict=True))
        cached = self._cache.get(self._encoder.hash, query, list(by_key))
        known = {key: row for key, row in zip(by_key, cached, strict=True) if row is not None}
        missing = {key: text for key, text in by_key.items() if key not in known}
        self._tally.add(Counters(asked=len(keys), cached=len(known)))
        if missing:
            known |= self._compute(query, missing, wanted)
        width = max(1, len(self.manifest.labels))
        rows = [known[key] for key in keys]
        return np.concatenate(rows).reshape(-1, width) if rows else np.empty((0, width), np.float32)

    def verdicts(self, query: str, texts: Sequence[str], *, wanted: Wanted = always) -> Floats:
        """Judge texts aspect by aspect; arguments and errors are those of `scores`.

        Nothing else computes this, and nothing of it is remembered: each text is read once more,
        whether its score is cached or not.

        Returns:
            Probabilities, shape (texts, aspects, verdicts) in the order of the manifest's names;
            no aspects where it names none, and then nothing is computed.
        """
        shape = (len(texts), len(self.manifest.aspects), len(self.manifest.verdicts))
        if 0 in shape:
            return np.empty(shape, np.float32)
        found = dict.fromkeys(texts)
        rows = self._encoder.tokenizer.pairs(query, list(found))
        logits = self._encoder.verdicts(rows, wanted=wanted)
        self._tally.add(Counters(explained=len(found)))
        shares = softmax(logits.reshape(-1, shape[2])).reshape(-1, *shape[1:])
        places = {text: place for place, text in enumerate(found)}
        return shares[[places[text] for text in texts]]

    def close(self) -> None:
        """End its threads; calls that wait are cancelled."""
        self._encoder.close()

    def _compute(self, query: str, texts: dict[bytes, str], wanted: Wanted) -> dict[bytes, Floats]:
        rows = self._encoder.tokenizer.pairs(query, list(texts.values()))
        logits = self._encoder.compute(rows, wanted=wanted)
        made = dict(zip(texts, logits, strict=True))
        self._cache.put(self._encoder.hash, query, made.items())
        self._tally.add(Counters(scored=len(made), cut=rows.cut))
        return made
