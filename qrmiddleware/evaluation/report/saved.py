"""Saves an evaluation as JSON, whole, so that it can be reported again or pooled."""

import gzip
import json
from math import isfinite, nan
from pathlib import Path
from typing import Any, Final

import msgspec

from qrmiddleware.errors import QrmError
from qrmiddleware.evaluation.comparison import Evaluation
from qrmiddleware.evaluation.rankings import RankedHit
from qrmiddleware.evaluation.report.wording import without_secrets

KIND: Final = "qrm-eval"
VERSION: Final = 1


class SavedError(QrmError):
    """A file holds no evaluation that can be read."""


def write_json(evaluation: Evaluation, path: Path) -> None:
    """Save everything, without passwords; a name that ends in ``.gz`` is compressed.

    Hits are ``[doc_id, score, title, [found by, …]]``, without what is empty at the end; what is
    no finite number is ``null``.
    """
    tree = msgspec.to_builtins(without_secrets(evaluation), str_keys=True, enc_hook=dict)
    for arm in tree["arms"]:
        for ranking in arm["run"]["rankings"].values():
            ranking["hits"] = [_flat(hit) for hit in ranking["hits"]]
    saved = {"kind": KIND, "version": VERSION, **tree}
    data = (json.dumps(_finite(saved), allow_nan=False) + "\n").encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


def _flat(hit: dict[str, Any]) -> list[Any]:
    row = [hit["doc_id"], hit["score"], hit["title"], hit["found_by"]]
    while not row[-1] and len(row) > 2:  # noqa: PLR2004 id and score always stand
        row.pop()
    return row


def _finite(tree: Any) -> Any:  # noqa: ANN401 any JSON
    match tree:
        case dict():
            return {key: _finite(value) for key, value in tree.items()}
        case list() | tuple():
            return [_finite(value) for value in tree]
        case float() if not isfinite(tree):
            return None
        case _:
            return tree


def read_json(path: Path) -> Evaluation:
    """Read what ``write_json`` saved.

    Raises:
        SavedError: If the file is missing or holds something else.
    """
    try:
        data = path.read_bytes()
        tree = json.loads(gzip.decompress(data) if path.suffix == ".gz" else data)
    except FileNotFoundError as error:
        message = f"{path}: there is no such file; `qrm eval run --json {path}` saves one"
        raise SavedError(message) from error
    except (OSError, EOFError, ValueError, RecursionError) as error:
        message = f"{path}: no saved evaluation: {error}"
        raise SavedError(message) from error
    if not isinstance(tree, dict) or tree.get("kind") != KIND:
        message = f"{path}: JSON, but no saved evaluation; `qrm eval run --json` saves one"
        raise SavedError(message)
    if tree.get("version") != VERSION:
        message = f"{path}: saved in version {tree.get('version')}; this qrm reads {VERSION}"
        raise SavedError(message)
    try:
        return _evaluation(tree)
    except (msgspec.ValidationError, LookupError, TypeError, AttributeError) as error:
        message = f"{path}: a damaged evaluation: {error}"
        raise SavedError(message) from error


def _evaluation(tree: dict[str, Any]) -> Evaluation:
    for arm in tree["arms"]:
        for ranking in arm["run"]["rankings"].values():
            ranking["hits"] = [_hit(*row) for row in ranking["hits"]]
    for difference in tree["differences"]:
        for key, value in difference.items():
            difference[key] = nan if value is None else value
    del tree["kind"], tree["version"]
    return msgspec.convert(tree, Evaluation, str_keys=True)


def _hit(doc_id: str, score: float | None, title: str = "", found_by: Any = ()) -> RankedHit:  # noqa: ANN401 checked below
    return msgspec.convert(
        {
            "doc_id": doc_id,
            "score": nan if score is None else score,
            "title": title,
            "found_by": found_by,
        },
        RankedHit,
    )
