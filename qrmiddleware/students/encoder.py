"""One CTranslate2 encoder, and how its token vectors become one vector a row."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qrmiddleware.errors import ConfigError
from qrmiddleware.students.batches import Row
from qrmiddleware.students.devices import Place
from qrmiddleware.students.manifest import Pooling
from qrmiddleware.students.queueing import Vectors
from qrmiddleware.students.team import Team


class Encoder:
    """Computes batches; as many threads as the team has workers may ask it at the same time."""

    def __init__(
        self,
        ctranslate2: Any,  # noqa: ANN401 - a module
        folder: Path,
        pooling: Pooling,
        place: Place,
        team: Team,
    ) -> None:
        """Load the model and compute a first row, so that what is missing is told at once.

        Raises:
            ConfigError: If there is no such model, or it has no pooler and one is wanted.
            RuntimeError: If the device does not work.
        """
        self.place, self.team = place, team
        self._pooling = pooling
        self._cpu = ctranslate2.Device.cpu
        if not (folder / "model.bin").is_file():
            message = f"{folder} holds no model of CTranslate2: it has no model.bin"
            raise ConfigError(message)
        self._model = ctranslate2.Encoder(
            str(folder),
            device=place.device,
            device_index=list(place.indexes),
            compute_type=place.compute_type,
            inter_threads=team.workers,
            intra_threads=team.threads,
        )
        first = self._forward([Row((0,), (0,))])
        if pooling == "pooler" and first.pooler_output is None:
            message = f"{folder}: pooling is `pooler`, and the model has no pooler"
            raise ConfigError(message)
        self.hidden = int(first.last_hidden_state.shape[-1])

    def vectors(self, rows: Sequence[Row]) -> Vectors:
        """Compute one batch.

        Returns:
            Shape (rows, hidden); not finite where the model's numbers were not.

        Raises:
            RuntimeError: If CTranslate2 does, such as for a row longer than the model can read.
        """
        found, lengths = self._forward(rows), [len(row.ids) for row in rows]
        if self._pooling == "mean":
            return _means(self._numbers(found.last_hidden_state), lengths)
        if self._pooling == "first":
            return self._numbers(found.last_hidden_state)[:, 0].copy()
        pooled = self._numbers(found.pooler_output).copy()
        if found.last_hidden_state.device == "cpu":
            # On a CPU, CTranslate2's tanh makes 1 of what is no number: look at what went in.
            first = self._numbers(found.last_hidden_state)[:, 0]
            pooled[~np.isfinite(first).all(axis=1)] = np.nan
        return pooled

    def _forward(self, rows: Sequence[Row]) -> Any:  # noqa: ANN401 - CTranslate2's
        ids, types = [row.ids for row in rows], [row.types for row in rows]
        return self._model.forward_batch(ids, token_type_ids=types)

    def _numbers(self, view: Any) -> Vectors:  # noqa: ANN401 - CTranslate2's
        """See a result as an array, as float32 and in main memory."""
        if view.device != "cpu":
            view = view.to_device(self._cpu)
        found: Vectors = np.asarray(view, dtype=np.float32)
        return found


def _means(states: Vectors, lengths: Sequence[int]) -> Vectors:
    """Average a row's own tokens; what stands beyond may be anything."""
    own = [row[:length].mean(axis=0) for row, length in zip(states, lengths, strict=True)]
    return np.stack(own)
