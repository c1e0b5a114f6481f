"""The page's second half: queries one by one, with what the arms answered."""

from collections.abc import Iterable, Mapping

from qrmiddleware.evaluation.comparison import ArmScores, Evaluation, QueryDelta, extremes
from qrmiddleware.evaluation.measures import LOWER_IS_BETTER
from qrmiddleware.evaluation.rankings import RankedHit, Ranking
from qrmiddleware.evaluation.report.markup import Html, join, tag
from qrmiddleware.evaluation.report.wording import (
    grade_dots,
    highest_grade,
    signed_text,
    value_text,
)
from qrmiddleware.evaluation.rewriting import RewriteYield

SHOWN_HITS = 10
MOST_LISTED = 50
_MOST_REWRITES = 40
_VALUES = ("relevance share", "increment", "hit rate")


def extremes_section(evaluation: Evaluation, arm: ArmScores, main: str, count: int) -> Html:
    """Show the queries that gained and lost most, both rankings side by side."""
    best, worst = extremes(evaluation.judged, evaluation.arms[0], arm, main, count=count)
    parts = [_legend(evaluation)] if best or worst else []
    for title, deltas, none in (
        (f"“{arm.name}” gained most", best, "No query gained."),
        (f"“{arm.name}” lost most", worst, "No query lost."),
    ):
        parts.append(tag("h3", title))
        opened = True
        for delta in deltas:
            parts.append(_query(evaluation, arm, delta, main, opened=opened))
            opened = False
        if not deltas:
            parts.append(tag("p", none, class_="soft"))
    return join(*parts)


def _legend(evaluation: Evaluation) -> Html:
    highest = highest_grade(evaluation)
    return tag(
        "p",
        "Both rankings side by side, by ",
        tag("span", grade_dots(highest, highest), class_="dots"),
        f" grades up to {highest}, ",
        tag("span", "?", class_="unjudged"),
        " where nobody judged; ",
        tag("span", "wording", class_="chip"),
        " is who found a hit, where the arm says so; ",
        tag("span", "new", class_="move"),
        " and ▲▼ compare with the other ranking, to its full depth.",
        class_="soft small",
    )


def _query(
    evaluation: Evaluation, arm: ArmScores, delta: QueryDelta, main: str, *, opened: bool
) -> Html:
    query_id = delta.query.query_id
    first = evaluation.arms[0]
    before = first.run.rankings.get(query_id)
    after = arm.run.rankings.get(query_id)
    better = (delta.difference > 0) != (main in LOWER_IS_BETTER)
    rewrites = after.rewrites if after else ()
    return tag(
        "details",
        tag(
            "summary",
            tag("span", tag("bdi", f"“{delta.query.text}”"), class_="query"),
            tag("span", query_id, class_="soft small"),
            tag(
                "span",
                f"{value_text(delta.baseline)} → {value_text(delta.value)} ",
                tag("b", signed_text(delta.difference), class_="up" if better else "down"),
                class_="delta",
            ),
        ),
        tag(
            "div",
            _rewrites(arm.name, rewrites),
            tag(
                "div",
                _side(evaluation, first, before, query_id, {}),
                _side(evaluation, arm, after, query_id, _ranks(before)),
                class_="sides",
            ),
            class_="inside",
        ),
        open=opened,
    )


def _rewrites(name: str, rewrites: Iterable[str]) -> Html | None:
    chips = [tag("span", tag("bdi", f"“{rewrite}”"), class_="chip") for rewrite in rewrites]
    if not chips:
        return None
    spaced = [part for chip in chips for part in (chip, " ")]
    return tag("p", f"“{name}” also searched for ", *spaced, class_="small soft")


def _ranks(ranking: Ranking | None) -> Mapping[str, int]:
    hits = ranking.hits if ranking else ()
    return {hit.doc_id: rank for rank, hit in enumerate(hits, start=1)}


def _side(
    evaluation: Evaluation,
    arm: ArmScores,
    ranking: Ranking | None,
    query_id: str,
    before: Mapping[str, int],
) -> Html:
    """Show one arm's first hits; ``before`` holds the other's ranks, if moves are to be shown."""
    compared = arm is not evaluation.arms[0]
    grades = evaluation.judged.qrels.get(query_id, {})
    hits = ranking.hits[:SHOWN_HITS] if ranking else ()
    items = [
        _hit(
            hit,
            rank,
            grades.get(hit.doc_id),
            highest_grade(evaluation),
            _move(rank, before.get(hit.doc_id)) if compared else None,
        )
        for rank, hit in enumerate(hits, start=1)
    ]
    total = f", {ranking.total:,} hits" if ranking and ranking.total is not None else ""
    return tag(
        "div",
        tag("h4", arm.name, tag("span", total, class_="soft")),
        tag("ol", *items, class_="hits") if items else tag("p", _nothing(ranking), class_="soft"),
    )


def _nothing(ranking: Ranking | None) -> str:
    if ranking is None:
        return "Not asked."
    return f"No answer: {ranking.problem}" if ranking.problem else "Nothing found."


def _hit(hit: RankedHit, rank: int, relevance: int | None, highest: int, move: str | None) -> Html:
    name = hit.title or hit.doc_id
    found_by = [tag("span", tag("bdi", wording), class_="chip") for wording in hit.found_by]
    return tag(
        "li",
        tag("span", rank, class_="rank"),
        _grade(relevance, highest),
        tag(
            "span",
            tag("bdi", name),
            " ",
            tag("span", hit.doc_id, class_="id") if hit.title else None,
            *(part for chip in found_by for part in (" ", chip)),
            tag("span", f" {move}", class_="move") if move else None,
            class_="hit",
        ),
    )


def _grade(relevance: int | None, highest: int) -> Html:
    if relevance is None:
        return tag("span", "?", class_="unjudged", title="nobody judged this hit")
    return tag(
        "span",
        grade_dots(relevance, highest),
        class_="dots" if relevance > 0 else "dots none",
        title=f"grade {relevance} of {highest}",
    )


def _move(rank: int, before: int | None) -> str:
    if before is None:
        return "new"
    if before == rank:
        return ""
    return f"▲ from {before}" if before > rank else f"▼ from {before}"


def troubles_section(evaluation: Evaluation) -> Html:
    """List what did not go as it should: no answer, degraded answers, nothing found."""
    texts = {query.query_id: query.text for query in evaluation.judged.queries}
    lists = [part for arm in evaluation.arms for part in _troubles(arm, texts)]
    return tag(
        "section",
        tag("h2", "Failures, degraded answers, nothing found", id="troubles"),
        *(lists or [tag("p", "None: every arm answered every query in full.", class_="soft")]),
    )


def _troubles(arm: ArmScores, texts: Mapping[str, str]) -> Iterable[Html]:
    """List an arm's, also of queries that are not measured; of those only the id is known."""
    rankings = list(arm.run.rankings.values())
    failed = [ranking for ranking in rankings if ranking.problem]
    degraded = [ranking for ranking in rankings if ranking.degraded]
    empty = [ranking for ranking in rankings if not ranking.hits and not ranking.problem]
    for found, what, why in (
        (failed, "no answer", lambda ranking: ranking.problem),
        (degraded, "degraded answers", lambda ranking: ranking.degraded),
        (empty, "nothing found", lambda _: ""),
    ):
        if found:
            queries = [(texts.get(r.query_id, r.query_id), why(r)) for r in found]
            yield _trouble(f"“{arm.name}”: {what}", queries)


def _trouble(title: str, queries: list[tuple[str, str]]) -> Html:
    items = [
        tag("li", tag("bdi", f"“{query}”"), tag("span", f" {why}", class_="soft") if why else None)
        for query, why in queries[:MOST_LISTED]
    ]
    if len(queries) > MOST_LISTED:
        items.append(tag("li", f"and {len(queries) - MOST_LISTED} more", class_="soft"))
    return tag(
        "details",
        tag("summary", tag("span", title), tag("span", len(queries), class_="delta")),
        tag("div", tag("ul", *items, class_="plain"), class_="inside"),
    )


def attribution_section(evaluation: Evaluation, arm: ArmScores) -> Html | None:
    """Show what every rewrite brought that nothing else found."""
    if not arm.attribution:
        return None
    texts = {query.query_id: query.text for query in evaluation.judged.queries}
    ordered = sorted(arm.attribution, key=lambda y: (-y.relevant, y.irrelevant, -y.unjudged))
    valued = any(each.value for each in ordered)
    words = ("found", "only it found", "relevant", "irrelevant", "unjudged", *(_VALUES * valued))
    head = tag(
        "tr",
        *(tag("th", word) for word in ("query", "rewrite")),
        *(tag("th", word, class_="num") for word in words),
    )
    rows = [_rewrite_row(each, texts, valued=valued) for each in ordered[:_MOST_REWRITES]]
    table = tag("table", tag("thead", head), tag("tbody", *rows))
    relevant = sum(each.relevant for each in ordered)
    alone = sum(len(each.alone) for each in ordered)
    told = (
        f"{len(ordered)} rewrites; {alone} hits were found by one of them alone, of these "
        f"{relevant} are judged relevant."
    )
    if valued:
        told += (
            " Relevance share and increment are of what a rewrite finds when it is searched for "
            "alone; unjudged hits count as not relevant there."
        )
    if len(ordered) > _MOST_REWRITES:
        told += f" The first {_MOST_REWRITES} are shown."
    return join(
        tag("h3", f"Rewrites of “{arm.name}”"),
        tag("p", told, class_="soft small"),
        tag("div", table, class_="scroll", tabindex="0"),
    )


def _rewrite_row(each: RewriteYield, texts: Mapping[str, str], *, valued: bool) -> Html:
    counts = (each.found, len(each.alone), each.relevant, each.irrelevant, each.unjudged)
    value = each.value
    values = (value.relevance, value.increment, value.hit_rate) if value else (None,) * len(_VALUES)
    return tag(
        "tr",
        tag("td", tag("bdi", texts.get(each.query_id, each.query_id))),
        tag("td", tag("bdi", each.rewrite)),
        *(tag("td", count, class_="num") for count in counts),
        *(
            tag("td", "" if number is None else value_text(number), class_="num")
            for number in (values if valued else ())
        ),
    )
