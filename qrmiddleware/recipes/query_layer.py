"""A layer over the vectors of queries, which learns what a teacher says of a bi-encoder's products.

The encoder stays as it is, and so do the vectors of documents, which an index may hold already.
That takes minutes where an encoder takes hours, and a search costs one short text.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from qrmiddleware.distill.lists import QueryList, Sampling, batches
from qrmiddleware.distill.training import reporting, seed_everything
from qrmiddleware.recipes.gathering import Gathered
from qrmiddleware.students.bi_encoder import BiEncoder
from qrmiddleware.students.folder import new_student, read_student, write_student
from qrmiddleware.students.heads import Floats
from qrmiddleware.students.manifest import HEAD_FILE, MANIFEST_FILE, Manifest, Provenance
from qrmiddleware.students.settings import RuntimeSettings

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Parameter

QUERY_LAYER: Final = "query.weight"
_TEXTS: Final = 2000
"""Texts embedded at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerFitting:
    """How the layer learns.

    Attributes:
        steps: Updates.
        rate: Of Adam.
        queries: Lists in a batch.
        hits: Products of a list at most.
        pull: Weight of the layer's squared distance from doing nothing.
        seed: Of everything that is drawn.
    """

    steps: int = 1000
    rate: float = 1e-3
    queries: int = 64
    hits: int = 12
    pull: float = 1e-3
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Vectors:
    """What the encoder makes of queries and products, by text and ``doc_id``."""

    queries: Mapping[str, Floats]
    products: Mapping[str, Floats]


@dataclass(frozen=True, slots=True)
class LayerBatch:
    """What the layer makes of some lists, for a loss.

    Attributes:
        lists: The lists.
        scores: Cosines of turned queries and products, stretched and shifted by what is learnt
            beside the layer, shape (lists, hits).
        joined: Products of both vectors, number by number, shape (lists, hits, width).
        wanted: Targets, shape (lists, hits).
        mask: False where a list is padded, same shape.
    """

    lists: Sequence[QueryList]
    scores: "Tensor"
    joined: "Tensor"
    wanted: "Tensor"
    mask: "Tensor"


LayerLoss: TypeAlias = "Callable[[LayerBatch], Tensor]"


def embed(base: Path, lists: Sequence[QueryList], texts: Mapping[str, str]) -> Vectors:
    """Make the vectors of all queries and products, with the runtime that serves them."""
    patient = RuntimeSettings(max_waiting=10**9, cache_bytes=0)
    doc_ids = sorted({candidate.doc_id for item in lists for candidate in item.candidates})
    queries = [item.query for item in lists]
    encoder = BiEncoder.open(base, patient)
    try:
        made = [
            encoder.vectors([texts[doc_id] for doc_id in doc_ids[start : start + _TEXTS]])
            for start in range(0, len(doc_ids), _TEXTS)
        ]
        asked = encoder.vectors(queries, query=True)
    finally:
        encoder.close()
    products = np.concatenate(made)
    return Vectors(
        dict(zip(queries, asked, strict=True)), dict(zip(doc_ids, products, strict=True))
    )


def fit_layer(
    lists: Sequence[QueryList],
    vectors: Vectors,
    *,
    loss: LayerLoss,
    fitting: LayerFitting,
    what: str,
    helpers: "Sequence[Parameter]" = (),
) -> Floats:
    """Learn the layer, shape (width, width), from the identity.

    A learnt scale and offset stand between cosines and what the loss compares them with; they are
    not kept, since they change no order.

    Args:
        lists: What is learnt from.
        vectors: Of all of it.
        loss: What it learns by.
        fitting: How.
        what: Is learnt, for the progress bar.
        helpers: What else the loss has to learn, and is dropped.
    """
    import torch
    from torch.nn.functional import normalize

    seed_everything(fitting.seed)
    width = len(next(iter(vectors.queries.values())))
    same = torch.eye(width)
    weight = torch.nn.Parameter(same.clone())
    middle, spread = _cosines(lists, vectors)
    stretch = torch.nn.Parameter(torch.tensor(1 / spread))
    offset = torch.nn.Parameter(torch.tensor(-middle / spread))
    optimizer = torch.optim.Adam([weight, stretch, offset, *helpers], lr=fitting.rate)
    endless = batches(lists, Sampling(fitting.queries, fitting.hits, fitting.seed))
    with reporting(what, steps=fitting.steps) as report:
        for step in range(1, fitting.steps + 1):
            batch, _ = next(endless)
            queries, products, wanted, mask = _tensors(batch, vectors)
            turned = normalize(queries @ weight.T, dim=1)
            joined = products * turned[:, None, :]
            scores = stretch * joined.sum(dim=2) + offset
            value = loss(LayerBatch(batch, scores, joined, wanted, mask))
            total = value + fitting.pull * ((weight - same) ** 2).sum()
            optimizer.zero_grad()
            total.backward()
            optimizer.step()
            report(step, float(value.detach()))
    found: Floats = weight.detach().numpy()
    return found


def write_with_layer(
    base: Path,
    target: Path,
    weight: Floats,
    *,
    recipe: str,
    teacher: str,
    gathered: Gathered,
    settings: Mapping[str, Any],
    seed: int,
    replace: bool = False,
) -> Manifest:
    """Write the student: the base's files with another head.

    Args:
        base: A student that is a bi-encoder.
        target: Folder to make.
        weight: The layer.
        recipe: Whose idea its loss was.
        teacher: Whom it learnt from.
        gathered: What it learnt from.
        settings: What was told.
        seed: Of what was drawn.
        replace: Whether a student that lies there gives way.

    Raises:
        ConfigError: If the base is no bi-encoder.
    """
    folder = read_student(base, expect={"bi_encoder"})
    known = folder.manifest.provenance
    provenance = Provenance(
        recipe=recipe,
        base=f"{folder.manifest.name}: {known.base}",
        teacher=teacher,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seed=seed,
        data=gathered.data,
        seen_folds=gathered.seen_folds,
        settings=dict(settings),
        licence=known.licence,
    )
    with new_student(target, replace=replace) as draft:
        shutil.copytree(base, draft, dirs_exist_ok=True)
        (draft / MANIFEST_FILE).unlink()
        _add_layer(draft / HEAD_FILE, weight)
        told: dict[str, Any] = {"name": target.name, "provenance": provenance, "quality": {}}
        return write_student(draft, folder.manifest.model_copy(update=told)).manifest


def _add_layer(head: Path, weight: Floats) -> None:
    tensors: dict[str, Floats] = {}
    metadata: dict[str, str] | None = None
    if head.is_file():
        with safe_open(head, framework="numpy") as stored:
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 no dict
            metadata = stored.metadata()
    save_file({**tensors, QUERY_LAYER: weight}, head, metadata=metadata)


def _tensors(
    batch: Sequence[QueryList], vectors: Vectors
) -> "tuple[Tensor, Tensor, Tensor, Tensor]":
    """Return queries (lists, width), products (lists, hits, width), targets and mask."""
    import torch

    hits = max(len(item.candidates) for item in batch)
    width = len(vectors.queries[batch[0].query])
    products = np.zeros((len(batch), hits, width), np.float32)
    wanted, mask = np.zeros((len(batch), hits), np.float32), np.zeros((len(batch), hits), bool)
    for row, item in enumerate(batch):
        for place, candidate in enumerate(item.candidates):
            products[row, place] = vectors.products[candidate.doc_id]
            wanted[row, place], mask[row, place] = candidate.target, True
    queries = np.stack([vectors.queries[item.query] for item in batch])
    arrays = (queries, products, wanted, mask)
    found = tuple(torch.from_numpy(array) for array in arrays)
    return found[0], found[1], found[2], found[3]


def _cosines(lists: Sequence[QueryList], vectors: Vectors) -> tuple[float, float]:
    """Return mean and standard deviation of the base's own cosines over the lists."""
    cosines = [
        float(vectors.products[candidate.doc_id] @ vectors.queries[item.query])
        for item in lists
        for candidate in item.candidates
    ]
    return float(np.mean(cosines)), float(np.std(cosines)) or 1.0
