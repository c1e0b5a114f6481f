"""The converted network alone, on CTranslate2, given the token ids that the checkpoint got."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from qrmiddleware.distill.exporting.libraries import library
from qrmiddleware.students.manifest import Pooling

Numbers = npt.NDArray[np.float32]
Ids = tuple[int, ...]


def encode(
    model: Any,  # noqa: ANN401 - an encoder of CTranslate2
    rows: Sequence[tuple[Ids, Ids]],
    pooling: Pooling,
) -> Numbers:
    """Pool token vectors of rows of ids and types; shape (rows, hidden)."""
    return np.stack([_encode_one(model, ids, types, pooling) for ids, types in rows])


def _encode_one(model: Any, ids: Ids, types: Ids, pooling: Pooling) -> Numbers:  # noqa: ANN401 - as above
    output = model.forward_batch([list(ids)], token_type_ids=[list(types)])
    if pooling == "pooler":
        pooled: Numbers = np.asarray(output.pooler_output, dtype=np.float32)[0]
        return pooled
    vectors: Numbers = np.asarray(output.last_hidden_state, dtype=np.float32)[0]
    return np.asarray(vectors[0] if pooling == "first" else vectors.mean(0))


def open_encoder(folder: Path) -> Any:  # noqa: ANN401 - as above
    """Open a converted encoder on the CPU, in float32."""
    return library("ctranslate2").Encoder(
        str(folder), device="cpu", compute_type="float32", intra_threads=1
    )


def open_writer(folder: Path, compute_type: str, *, encoder_decoder: bool) -> Any:  # noqa: ANN401 - as above
    """Open a converted generator or encoder-decoder on the CPU."""
    ctranslate2 = library("ctranslate2")
    kind = ctranslate2.Translator if encoder_decoder else ctranslate2.Generator
    return kind(str(folder), device="cpu", compute_type=compute_type, intra_threads=1)


def log_probabilities(
    model: Any,  # noqa: ANN401 - a generator or translator of CTranslate2
    sources: Sequence[str],
    targets: Sequence[str],
    *,
    encoder_decoder: bool,
) -> Numbers:
    """Teacher-force tokens, with those in sight that `Reference.log_probabilities` has."""
    if encoder_decoder:
        (result,) = model.score_batch([list(sources)], [list(targets)])
    else:
        (result,) = model.score_batch([[*sources, *targets]])
    return np.asarray(result.log_probs, dtype=np.float32)


def greedy(
    model: Any,  # noqa: ANN401 - as above
    sources: Sequence[str],
    most: int,
    *,
    encoder_decoder: bool,
) -> tuple[str, ...]:
    """Take the most probable token, at most ``most`` times; without the end."""
    if encoder_decoder:
        (result,) = model.translate_batch([list(sources)], beam_size=1, max_decoding_length=most)
        return tuple(result.hypotheses[0])
    (result,) = model.generate_batch(
        [list(sources)], beam_size=1, max_length=most, include_prompt_in_result=False
    )
    return tuple(result.sequences[0])
