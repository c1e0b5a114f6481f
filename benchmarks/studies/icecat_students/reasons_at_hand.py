"""What a student would say if it had the reasons when it is asked: the bound that CRSD aims at."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from qrmiddleware.distill.batching import Encoded, pair_logits
from qrmiddleware.distill.chains import reasons_alone
from qrmiddleware.distill.classes import ESCI
from qrmiddleware.distill.label_store import read_labels
from qrmiddleware.distill.labels import Pair
from qrmiddleware.distill.lists import Candidate, QueryList
from qrmiddleware.distill.modelling import Encoder, load_encoder
from qrmiddleware.distill.pair_files import read_pairs
from qrmiddleware.recipes.fitting import FORWARD_TOKENS, Fitting, rows_of
from qrmiddleware_crsd.recipes.student import augmented

VIEWS: Final = ("query and text", "and reasons", "and reasons with their conclusion")
Worth: TypeAlias = dict[str, dict[str, float]]
"""Of documents, by query and ``doc_id``."""


def worth_by_view(
    checkpoint: Path, folder: Path, *, max_tokens: int, reason_tokens: int
) -> dict[str, Worth]:
    """Score a folder's pairs as the student reads them, without and with the reasoner's reasons.

    Args:
        checkpoint: Of a cross-encoder with classes.
        folder: With ``pairs.jsonl`` and ``reasons.labels.jsonl``.
        max_tokens: Of the standard view.
        reason_tokens: Of a reason.
    """
    encoder = load_encoder(str(checkpoint), num_labels=len(ESCI.codes))
    encoder.model.eval()
    fitting = Fitting(steps=1, rate=0, max_tokens=max_tokens)
    found: dict[str, Worth] = {view: {} for view in VIEWS}
    for query, pairs, reasons in _by_query(folder):
        for view, told in zip(VIEWS, _told(reasons), strict=True):
            rows = _rows(encoder, query, pairs, fitting)
            values = _worth(encoder, augmented(encoder, rows, told, most=reason_tokens))
            found[view][query] = {p.doc_id: v for p, v in zip(pairs, values, strict=True)}
    return found


def _told(reasons: Sequence[str]) -> tuple[Sequence[str], ...]:
    return [""] * len(reasons), [reasons_alone(each) for each in reasons], reasons


def _by_query(folder: Path) -> Iterator[tuple[str, Sequence[Pair], Sequence[str]]]:
    reasons = {each.pair: each.reason for each in read_labels(folder / "reasons.labels.jsonl")}
    grouped: dict[str, list[Pair]] = {}
    for pair in read_pairs(folder / "pairs.jsonl"):
        grouped.setdefault(pair.query, []).append(pair)
    for query, pairs in grouped.items():
        yield query, pairs, [reasons.get(pair.key, "") for pair in pairs]


def _rows(encoder: Encoder, query: str, pairs: Sequence[Pair], fitting: Fitting) -> list[Encoded]:
    item = QueryList(query, tuple(Candidate(pair.doc_id, 0) for pair in pairs))
    return rows_of(encoder, item, {pair.doc_id: pair.text for pair in pairs}, fitting=fitting)


def _worth(encoder: Encoder, rows: Sequence[Encoded]) -> Sequence[float]:
    import torch

    with torch.inference_mode():
        pad = encoder.tokenizer.pad_token_id
        logits = pair_logits(encoder.model, rows, pad=pad, budget=FORWARD_TOKENS)
    gains = torch.tensor([each.gain for each in ESCI])
    values: list[float] = (logits.softmax(dim=1) @ gains).tolist()
    return values
