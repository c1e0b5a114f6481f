"""What rewrites are worth: by the result sets that they bring, and hit by hit."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RewriteYield:
    """What one rewrite brought to one query's ranking, as far as the arm says who found what.

    Attributes:
        query_id: Which query.
        rewrite: The wording.
        found: How many of the ranking's hits it found, alone or with others.
        alone: The doc_ids that only it found, best first.
        relevant: How many of those are judged relevant, …
        irrelevant: … judged and not relevant, …
        unjudged: … or not judged.
    """

    query_id: str
    rewrite: str
    found: int
    alone: tuple[str, ...]
    relevant: int
    irrelevant: int
    unjudged: int
