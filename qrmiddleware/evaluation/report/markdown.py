"""Writes an evaluation as Markdown, for a repository or a pull request."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from qrmiddleware.evaluation.comparison import ArmScores, Evaluation, QueryDelta, extremes
from qrmiddleware.evaluation.report.wording import (
    MEANINGS,
    POOL_ADVICE,
    POOL_COMMAND,
    brought,
    difference_of,
    interval_text,
    judged_warning,
    main_measure,
    p_text,
    signed_text,
    value_text,
    verdict,
    without_secrets,
)

_SPECIAL: Final = re.compile(r"([\\`*_\[\]<>#|~&$])")


def write_markdown(
    evaluation: Evaluation, path: Path, *, measure: str = "", count: int = 10
) -> None:
    """Write the report as Markdown; arguments and errors as ``write_html``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    page = markdown_page(evaluation, measure=measure, count=count)
    path.write_text(page, encoding="utf-8", errors="replace")


def markdown_page(evaluation: Evaluation, *, measure: str = "", count: int = 10) -> str:
    """Return the page of ``write_markdown``."""
    evaluation = without_secrets(evaluation)
    main = main_measure(evaluation, measure)
    parts = [
        f"# {plain(evaluation.title or 'Evaluation')}",
        *_verdicts(evaluation, main),
        *_warning(evaluation),
        "## Figures",
        _means(evaluation),
        *(
            f"### “{plain(arm.name)}” against “{plain(evaluation.arms[0].name)}”\n\n"
            f"{_differences(evaluation, arm)}"
            for arm in evaluation.arms[1:]
        ),
        _notes(evaluation),
        *(part for arm in evaluation.arms[1:] for part in _queries(evaluation, arm, main, count)),
        *(part for arm in evaluation.arms for part in _brought(arm)),
        *_troubles(evaluation),
        "## Conditions",
        _conditions(evaluation),
    ]
    return "\n\n".join(parts) + "\n"


def plain(text: object) -> str:
    """Write data so that Markdown takes none of it for markup: on one line, all signs escaped."""
    return _SPECIAL.sub(r"\\\1", " ".join(str(text).split()))


def _table(head: Sequence[str], rows: Iterable[Sequence[object]], *, left: int = 1) -> str:
    """Write a table whose first columns stand left, the others right."""
    rule = ["---" if number < left else "---:" for number in range(len(head))]
    lines = [head, rule, *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def _verdicts(evaluation: Evaluation, main: str) -> Iterator[str]:
    first = evaluation.arms[0].name if evaluation.arms else ""
    for arm in evaluation.arms[1:]:
        if (difference := difference_of(evaluation, arm, main)) is not None:
            yield plain(verdict(difference, first).sentence)


def _warning(evaluation: Evaluation) -> Iterator[str]:
    if warning := judged_warning(evaluation):
        yield f"> {plain(warning)} `{POOL_COMMAND}` {POOL_ADVICE}"


def _means(evaluation: Evaluation) -> str:
    measures = evaluation.arms[0].means if evaluation.arms else ()
    rows = [
        [plain(measure), *(value_text(arm.means[measure]) for arm in evaluation.arms)]
        for measure in measures
    ]
    if any(arm.latency_ms for arm in evaluation.arms):
        rows += [
            [
                f"{name}, ms",
                *(
                    f"{arm.latency_ms[name]:,.1f}" if name in arm.latency_ms else ""
                    for arm in evaluation.arms
                ),
            ]
            for name in ("p50", "p95", "p99")
        ]
    return _table(["mean", *(plain(arm.name) for arm in evaluation.arms)], rows)


def _differences(evaluation: Evaluation, arm: ArmScores) -> str:
    several = len(evaluation.arms) > 2  # noqa: PLR2004 then p is corrected
    rows = [
        [
            plain(each.measure),
            signed_text(each.difference),
            interval_text(each),
            plain(p_text(each.p_holm if several else each.p_value)),
            f"{each.wins} / {each.ties} / {each.losses}",
        ]
        for each in evaluation.differences
        if each.arm == arm.name
    ]
    p_value = "p (Holm)" if several else "p"
    return _table(
        ["measure", "difference", "95 % interval", p_value, "better / same / worse"], rows
    )


def _notes(evaluation: Evaluation) -> str:
    measured = evaluation.arms[0].means if evaluation.arms else {}
    meanings = [f"- {plain(name)}: {MEANINGS[name]}" for name in measured if name in MEANINGS]
    return "\n".join(
        [
            "Intervals: paired bootstrap over queries. p: paired t-test, not corrected for the",
            "number of measures.",
            "",
            *meanings,
        ]
    )


def _queries(evaluation: Evaluation, arm: ArmScores, main: str, count: int) -> Iterator[str]:
    best, worst = extremes(evaluation.judged, evaluation.arms[0], arm, main, count=count)
    for word, deltas in (("gained", best), ("lost", worst)):
        if deltas:
            yield f"## “{plain(arm.name)}” {word} most\n\n{_deltas(evaluation, arm, main, deltas)}"


def _deltas(evaluation: Evaluation, arm: ArmScores, main: str, deltas: Iterable[QueryDelta]) -> str:
    rows = [
        [
            plain(delta.query.text),
            plain(_rewrites(arm, delta.query.query_id)),
            value_text(delta.baseline),
            value_text(delta.value),
            signed_text(delta.difference),
        ]
        for delta in deltas
    ]
    first = plain(evaluation.arms[0].name)
    head = ["query", "rewrites", first, plain(arm.name), f"{plain(main)}, difference"]
    return _table(head, rows, left=2)


def _rewrites(arm: ArmScores, query_id: str) -> str:
    ranking = arm.run.rankings.get(query_id)
    return ", ".join(ranking.rewrites) if ranking else ""


def _brought(arm: ArmScores) -> Iterator[str]:
    told = brought(arm)
    if told:
        yield f"## Rewrites of “{plain(arm.name)}”"
        yield _table(list(told), [list(told.values())], left=0)


def _troubles(evaluation: Evaluation) -> Iterator[str]:
    rows = []
    for arm in evaluation.arms:
        rankings = list(arm.run.rankings.values())
        failed = sum(1 for ranking in rankings if ranking.problem)
        degraded = sum(1 for ranking in rankings if ranking.degraded)
        empty = sum(1 for ranking in rankings if not ranking.hits and not ranking.problem)
        rows.append([plain(arm.name), failed, degraded, empty])
    yield "## Failures, degraded answers, nothing found"
    yield _table(["arm", "failed", "degraded", "nothing found"], rows)


def _conditions(evaluation: Evaluation) -> str:
    told = {
        f"{arm.name}": f"{arm.run.asked or 'read from a file'}, depth {arm.run.depth}"
        for arm in evaluation.arms
    }
    told |= evaluation.environment
    return "\n".join(f"- **{plain(key)}**: {plain(value)}" for key, value in told.items())
