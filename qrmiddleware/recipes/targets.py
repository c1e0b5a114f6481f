"""What teachers say, as lists of queries with targets: of one teacher, or the mean of several."""

from collections.abc import Iterable, Sequence
from typing import Final

from qrmiddleware.distill.labels import Label
from qrmiddleware.distill.lists import Candidate, QueryList
from qrmiddleware.distill.losses import Scale
from qrmiddleware.errors import ConfigError

JUDGED: Final = "judgments:"
"""Teachers of that name are people."""


def lists_of(labels: Iterable[Label], *, logits: bool) -> list[QueryList]:
    """Group labels into a list for each query, in the order in which queries first come.

    Where several teachers label a pair, the later label counts, so that judgments go last.

    Args:
        labels: Of one teacher, or of several.
        logits: Targets are log-odds instead of probabilities.
    """
    found: dict[tuple[str, bool], dict[str, float]] = {}
    for label in labels:
        key = (label.query, label.teacher.startswith(JUDGED))
        found.setdefault(key, {})[label.doc_id] = label.log_odds() if logits else label.target
    return [
        QueryList(query, tuple(Candidate(*item) for item in targets.items()), judged)
        for (query, judged), targets in found.items()
    ]


def mean_of_teachers(teachers: Sequence[Sequence[Label]]) -> list[QueryList]:
    """Average several teachers' log-odds, each standardised over all of its labels.

    Only pairs that all of them label are kept. One teacher alone is kept as it is.

    Raises:
        ConfigError: If no pair is labelled by all.
    """
    if len(teachers) == 1:
        return lists_of(teachers[0], logits=True)
    tables = []
    for labels in teachers:
        scale = Scale.measured([label.log_odds() for label in labels])
        tables.append(
            {
                (label.query, label.doc_id): (label.log_odds() - scale.mean) / scale.deviation
                for label in labels
            }
        )
    found: dict[str, list[Candidate]] = {}
    for query, doc_id in tables[0]:
        values = [table[query, doc_id] for table in tables if (query, doc_id) in table]
        if len(values) == len(tables):
            mean = sum(values) / len(values)
            found.setdefault(query, []).append(Candidate(doc_id, mean))
    if not found:
        message = f"no pair is labelled by all {len(teachers)} teachers: label the same pairs"
        raise ConfigError(message)
    return [QueryList(query, tuple(candidates)) for query, candidates in found.items()]


def mean_targets(teachers: Sequence[Sequence[Label]]) -> list[QueryList]:
    """Average several teachers' targets, 0..1, of the pairs that all of them label."""
    if len(teachers) == 1:
        return lists_of(teachers[0], logits=False)
    tables = [
        {(label.query, label.doc_id): label.target for label in labels} for labels in teachers
    ]
    found: dict[str, list[Candidate]] = {}
    for query, doc_id in tables[0]:
        values = [table[query, doc_id] for table in tables if (query, doc_id) in table]
        if len(values) == len(tables):
            found.setdefault(query, []).append(Candidate(doc_id, sum(values) / len(values)))
    return [QueryList(query, tuple(candidates)) for query, candidates in found.items()]


def first_lists(lists: Sequence[QueryList], share: float) -> list[QueryList]:
    """Keep the first share of lists, at least one, so that a larger share holds a smaller one."""
    return list(lists[: max(1, round(share * len(lists)))])
