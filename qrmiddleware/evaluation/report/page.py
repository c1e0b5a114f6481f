"""Writes an evaluation as one HTML file that needs nothing else: no script, no network."""

from importlib.resources import files
from pathlib import Path

from qrmiddleware.evaluation.comparison import Evaluation
from qrmiddleware.evaluation.report.markup import Html, join, tag
from qrmiddleware.evaluation.report.queries import (
    attribution_section,
    extremes_section,
    troubles_section,
)
from qrmiddleware.evaluation.report.summary import (
    deltas_section,
    differences_table,
    meanings_list,
    means_table,
    quality_section,
)
from qrmiddleware.evaluation.report.wording import (
    POOL_ADVICE,
    POOL_COMMAND,
    Verdict,
    difference_of,
    judged_warning,
    latency_text,
    main_measure,
    verdict,
    without_secrets,
)

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def write_html(evaluation: Evaluation, path: Path, *, measure: str = "", count: int = 10) -> None:
    """Write the report for a browser.

    Args:
        evaluation: What is reported; passwords in it are left out.
        path: The file.
        measure: What plots and lists of queries go by; condensed nDCG if empty.
        count: How many of the best and of the worst queries are shown.

    Raises:
        ValueError: If ``measure`` was not measured.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(html_page(evaluation, measure=measure, count=count), encoding="utf-8")


def html_page(evaluation: Evaluation, *, measure: str = "", count: int = 10) -> str:
    """Return the page of ``write_html``."""
    evaluation = without_secrets(evaluation)
    main = main_measure(evaluation, measure)
    style = Html(files(__package__).joinpath("page.css").read_text(encoding="utf-8"))
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("title", evaluation.title or "Evaluation"),
        tag("style", style),
    )
    body = tag("body", tag("main", *_sections(evaluation, main, count)))
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _sections(evaluation: Evaluation, main: str, count: int) -> list[Html | None]:
    others = evaluation.arms[1:]
    return [
        _header(evaluation),
        _verdicts(evaluation, main),
        _warning(evaluation),
        _figures(evaluation, main),
        quality_section(evaluation, main)
        if evaluation.arms and evaluation.judged.queries
        else None,
        tag(
            "section",
            tag("h2", "Query by query", id="queries"),
            *(
                join(
                    deltas_section(evaluation, arm, main),
                    extremes_section(evaluation, arm, main, count),
                )
                for arm in others
            ),
        )
        if others
        else None,
        _attributions(evaluation),
        troubles_section(evaluation),
        _arms(evaluation),
    ]


def _header(evaluation: Evaluation) -> Html:
    queries = len(evaluation.judged.queries)
    names = [arm.name for arm in evaluation.arms]
    parts = [("figures", "Figures"), ("quality", "Quality"), ("queries", "Query by query")]
    parts += [("rewrites", "Rewrites")] if any(arm.attribution for arm in evaluation.arms) else []
    parts += [("troubles", "Failures"), ("conditions", "Conditions")]
    if len(names) < 2:  # noqa: PLR2004 nothing to compare
        parts.remove(("queries", "Query by query"))
    links = [tag("a", label, href=f"#{anchor}") for anchor, label in parts]
    return tag(
        "header",
        tag("h1", evaluation.title or "Evaluation"),
        tag("p", f"{', '.join(names)} on {queries:,} judged queries", class_="soft"),
        tag("nav", *links),
    )


def _verdicts(evaluation: Evaluation, main: str) -> Html:
    """Say of every arm whether it is better than the first."""
    first = evaluation.arms[0].name if evaluation.arms else ""
    found = (difference_of(evaluation, arm, main) for arm in evaluation.arms[1:])
    return join(*(_verdict(verdict(each, first)) for each in found if each is not None))


def _verdict(said: Verdict) -> Html:
    kind = {"better": " is-better", "worse": " is-worse"}.get(said.word, "")
    return tag("div", tag("p", said.sentence), class_=f"card verdict{kind}")


def _warning(evaluation: Evaluation) -> Html | None:
    if not (warning := judged_warning(evaluation)):
        return None
    advice = join(tag("code", POOL_COMMAND), f" {POOL_ADVICE}")
    return tag("div", tag("p", warning, " ", advice), class_="card warning", role="note")


def _figures(evaluation: Evaluation, main: str) -> Html:
    first = evaluation.arms[0].name if evaluation.arms else ""
    return tag(
        "section",
        tag("h2", "Figures", id="figures"),
        means_table(evaluation, main) if len(evaluation.arms) != 2 else None,  # noqa: PLR2004 else the same twice
        *(
            join(
                tag("h3", f"“{arm.name}” against “{first}”"),
                differences_table(evaluation, arm, main),
            )
            for arm in evaluation.arms[1:]
        ),
        tag(
            "p",
            "Intervals: paired bootstrap over queries. p: paired t-test, not corrected for the "
            "number of measures, so choose yours before you look. An interval that holds 0 does "
            "not show that arms are alike.",
            class_="soft small",
        )
        if evaluation.differences
        else None,
        tag(
            "details", tag("summary", "What the measures mean"), _inside(meanings_list(evaluation))
        ),
    )


def _inside(content: Html) -> Html:
    return tag("div", content, class_="inside")


def _attributions(evaluation: Evaluation) -> Html | None:
    found = [attribution_section(evaluation, arm) for arm in evaluation.arms]
    if not any(found):
        return None
    return tag("section", tag("h2", "What each rewrite brought", id="rewrites"), *found)


def _arms(evaluation: Evaluation) -> Html:
    """Say what was asked, and under which conditions."""
    arms = [
        join(
            tag("dt", arm.name),
            tag(
                "dd",
                tag("code", arm.run.asked) if arm.run.asked else "read from a file",
                f" · depth {arm.run.depth} · {latency_text(arm.latency_ms)}",
                f" · trained on folds {', '.join(map(str, arm.run.seen_folds))}"
                if arm.run.seen_folds
                else None,
            ),
        )
        for arm in evaluation.arms
    ]
    told = [
        join(tag("dt", key), tag("dd", value))
        for key, value in evaluation.environment.items()
        if not key.startswith("asked of ")  # stands with the arm
    ]
    return tag("section", tag("h2", "Conditions", id="conditions"), tag("dl", *arms, *told))
