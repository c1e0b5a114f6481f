"""How well a system tells classes: macro-F1 and its kin, with a baseline, and paired by query."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from qrmiddleware.evaluation.comparison import RESAMPLES, SEED
from qrmiddleware.evaluation.judged_classes import Classed

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.float64]]

Predicted: TypeAlias = Mapping[str, Mapping[str, str]]
"""Class by query_id and doc_id; what is missing was not predicted."""
Key: TypeAlias = tuple[str, str]
"""A query_id and a doc_id."""
_MOST_DRAWN: Final = 2_000_000


@dataclass(frozen=True, slots=True)
class ClassScore:
    """One class.

    Attributes:
        precision: NaN where it was never predicted.
        recall: NaN where nothing is of it.
        f1: NaN where neither is.
        support: Pairs that are of it.
    """

    code: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class SystemScores:
    """One system on the pairs that all systems predicted.

    Attributes:
        name: Of the system.
        accuracy: Share of pairs whose class it told.
        macro_f1: Mean F1 of the classes that are judged or predicted.
        missing: Share of all judged pairs that it has no prediction of.
        macro_f1_of_all: Over all judged pairs; what it did not predict is wrong.
        classes: In the order of the codes.
        matrix: How often a judged class (row) met a predicted one (column).
    """

    name: str
    accuracy: float
    macro_f1: float
    missing: float
    macro_f1_of_all: float
    classes: tuple[ClassScore, ...]
    matrix: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class ClassDifference:
    """How the macro-F1 of a system differs from the first one's.

    Attributes:
        name: Of the system.
        difference: Its macro-F1 less the first one's …
        low: … and the ends of the 95 % interval, of a bootstrap over queries; NaN of one query.
        high: See ``low``.
        retention: Its macro-F1 divided by the first one's: what a student keeps of its teacher.
    """

    name: str
    difference: float
    low: float
    high: float
    retention: float


@dataclass(frozen=True, slots=True)
class ClassQuality:
    """All systems on the same judged pairs.

    Attributes:
        title: What was measured, for people.
        codes: Of the classes, best first.
        judged: Pairs with a judgment …
        pairs: … of which so many are measured: those that all systems predicted …
        queries: … of so many queries.
        majority: The most frequent class among them, and what a system measures that always
            says it: a baseline.
        systems: The first is what the others are compared with.
        differences: One for each other.
    """

    title: str
    codes: tuple[str, ...]
    judged: int
    pairs: int
    queries: int
    majority: SystemScores
    systems: tuple[SystemScores, ...]
    differences: tuple[ClassDifference, ...] = ()


def measure_classes(
    title: str, judged: Classed, systems: Mapping[str, Predicted], codes: Sequence[str]
) -> ClassQuality:
    """Measure and compare systems.

    Args:
        title: What is measured, for people.
        judged: The true classes.
        systems: Predictions by name; the first is what the others are compared with.
        codes: Of all classes, best first.

    Raises:
        ValueError: If a class is not among them, or no pair is predicted by all systems.

    Source: macro-F1 and what a student retains of its teacher's are CRSD's, arXiv:2510.11056; the
    interval is a percentile bootstrap (Efron & Tibshirani 1993, chapter 13).
    """
    keys = [(query_id, doc_id) for query_id, found in judged.items() for doc_id in found]
    told = {
        name: {key: code for key in keys if (code := predicted.get(key[0], {}).get(key[1]))}
        for name, predicted in systems.items()
    }
    common = [key for key in keys if all(key in found for found in told.values())]
    if not common:
        message = "no judged pair is predicted by all systems: are queries and doc_ids the same?"
        raise ValueError(message)
    tables = {name: _tables(judged, found, common, codes) for name, found in told.items()}
    everywhere = {name: _tables(judged, found, keys, codes) for name, found in told.items()}
    first, *others = tables
    always = dict.fromkeys(common, _most_frequent(judged, common, codes))
    baseline = _tables(judged, always, common, codes)
    return ClassQuality(
        title,
        tuple(codes),
        len(keys),
        len(common),
        len(tables[first]),
        _scores(f"always {always[common[0]]}", codes, baseline, baseline),
        tuple(_scores(name, codes, tables[name], everywhere[name]) for name in tables),
        tuple(_difference(name, tables[first], tables[name]) for name in others),
    )


def f1_scores(tables: "Array") -> "Array":
    """Return the F1 of every class; NaN where a class neither is nor is predicted.

    Args:
        tables: Counts by judged class (rows) and predicted class (columns; one more column counts
            pairs without a prediction), shape (…, classes, classes + 1).

    Returns:
        2 x right / (judged + predicted), shape (…, classes).
    """
    import numpy as np  # noqa: PLC0415 heavy

    predicted = tables[..., :-1]
    right = np.diagonal(predicted, axis1=-2, axis2=-1)
    both = tables.sum(axis=-1) + predicted.sum(axis=-2)
    return 2 * right / np.where(both > 0, both, np.nan)


def macro_f1(tables: "Array") -> "Array":
    """Return the mean F1 of the classes that are judged or predicted; shape (…)."""
    import numpy as np  # noqa: PLC0415 heavy

    found: Array = np.nanmean(f1_scores(tables), axis=-1)
    return found


def _most_frequent(judged: Classed, keys: Sequence[Key], codes: Sequence[str]) -> str:
    """Return the most frequent class, the better one of two."""
    counts = Counter(judged[query_id][doc_id] for query_id, doc_id in keys)
    return max(codes, key=lambda code: counts[code])


def _tables(
    judged: Classed, predicted: Mapping[Key, str], keys: Iterable[Key], codes: Sequence[str]
) -> "Array":
    """Count classes query by query, shape (queries, classes, classes + 1)."""
    import numpy as np  # noqa: PLC0415 heavy

    place = {code: number for number, code in enumerate(codes)}
    found: dict[str, Array] = {}
    for query_id, doc_id in keys:
        truth, said = judged[query_id][doc_id], predicted.get((query_id, doc_id))
        if unknown := [code for code in (truth, said) if code is not None and code not in place]:
            message = f"query {query_id}, document {doc_id}: class {unknown[0]!r} is none of "
            raise ValueError(message + ", ".join(codes))
        table = found.setdefault(query_id, np.zeros((len(codes), len(codes) + 1)))
        table[place[truth], len(codes) if said is None else place[said]] += 1
    return np.stack(list(found.values()))


def _scores(name: str, codes: Sequence[str], tables: "Array", everywhere: "Array") -> SystemScores:
    """Measure a system on the pairs that count, and on all."""
    table, whole = tables.sum(axis=0), everywhere.sum(axis=0)
    right, support, predicted = table.diagonal(), table.sum(axis=1), table[:, :-1].sum(axis=0)
    classes = tuple(
        ClassScore(
            code,
            _share(right[n], predicted[n]),
            _share(right[n], support[n]),
            _share(2 * right[n], support[n] + predicted[n]),
            int(support[n]),
        )
        for n, code in enumerate(codes)
    )
    return SystemScores(
        name,
        accuracy=_share(right.sum(), table.sum()),
        macro_f1=float(macro_f1(table)),
        missing=_share(whole[:, -1].sum(), whole.sum()),
        macro_f1_of_all=float(macro_f1(whole)),
        classes=classes,
        matrix=tuple(tuple(int(count) for count in row) for row in table[:, :-1]),
    )


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else math.nan


def _difference(name: str, first: "Array", other: "Array") -> ClassDifference:
    """Compare two systems; queries are drawn with replacement, the same ones for both."""
    import numpy as np  # noqa: PLC0415 heavy

    before, after = (float(macro_f1(tables.sum(axis=0))) for tables in (first, other))
    low = high = math.nan
    if len(first) > 1:
        drawn = np.concatenate(
            [
                macro_f1(np.tensordot(times, other, 1)) - macro_f1(np.tensordot(times, first, 1))
                for times in _draws(len(first))
            ]
        )
        low, high = np.percentile(drawn, [2.5, 97.5]).tolist()
    return ClassDifference(name, after - before, low, high, _share(after, before))


def _draws(queries: int) -> Iterator["Array"]:
    """Yield how often each query is drawn, shape (resamplings, queries), some at a time."""
    import numpy as np  # noqa: PLC0415 heavy

    generator = np.random.default_rng(SEED)
    shares = np.full(queries, 1 / queries)
    step = max(1, _MOST_DRAWN // queries)
    for begin in range(0, RESAMPLES, step):
        size = min(step, RESAMPLES - begin)
        yield generator.multinomial(queries, shares, size).astype(np.float64)
