"""What arms answered: one ranking a query."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class RankedHit:
    """One hit of a ranking.

    Attributes:
        doc_id: The document's ``_id``, or what the field holds that the judgments speak of.
        score: The arm's number; rankings are as answered, not sorted by it.
        found_by: The wordings that found it, the user's own first if it did; empty if the arm
            does not say.
        title: What a person reads in a report; empty if it was not asked for.
        text: What a student reads of it; empty if it was not asked for.
    """

    doc_id: str
    score: float
    found_by: tuple[str, ...] = ()
    title: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Ranking:
    """One arm's answer to one query.

    Attributes:
        query_id: Which query.
        hits: Best first, no doc_id twice.
        total: How many hits the engine counted; ``None`` if it did not.
        duration_ms: From asking to the reply's last byte; ``None`` if it came from a file.
        problem: Why there is no ranking; empty if there is one.
        degraded: What the arm says it skipped (``X-QRM-Degraded``); empty for nothing.
        rewrites: The wordings that the arm searched for beside the user's own.
        pipeline: Of a qrm proxy, as it says (``X-QRM-Pipeline``); empty if none served.
        from_cache: The arm was not asked: this is what it answered the last time, in the time
            that it took then.
    """

    query_id: str
    hits: tuple[RankedHit, ...]
    total: int | None = None
    duration_ms: float | None = None
    problem: str = ""
    degraded: str = ""
    rewrites: tuple[str, ...] = ()
    pipeline: str = ""
    from_cache: bool = False

    @property
    def doc_ids(self) -> tuple[str, ...]:
        """The hits' documents, best first."""
        return tuple(hit.doc_id for hit in self.hits)


@dataclass(frozen=True, slots=True)
class ArmRun:
    """What one arm answered to all queries.

    Attributes:
        name: Of the arm, as in the report.
        rankings: By query_id.
        depth: How many hits were asked for.
        asked: What was asked, for people: URL, pipeline, headers.
        seen_folds: Folds that models of this arm were trained on.
    """

    name: str
    rankings: Mapping[str, Ranking]
    depth: int
    asked: str = ""
    seen_folds: tuple[int, ...] = ()

    def tied(self, cutoff: int) -> int:
        """Count the rankings where equal scores decide who is among the first, or in what order.

        Engines order such hits by how their index happens to be laid out: filled again, or
        merged, the same index may answer otherwise.

        Args:
            cutoff: How many hits are the first.
        """
        return sum(
            any(one.score == two.score for one, two in pairwise(ranking.hits[: cutoff + 1]))
            for ranking in self.rankings.values()
        )
