"""What users got without searching: purchases or clicks that began elsewhere."""

from collections import defaultdict
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path

from qrmiddleware.evaluation.formats.rows import table_rows


def read_reached(file: Path) -> Mapping[str, AbstractSet[str]]:
    """Read a table with the columns ``query_id`` and ``doc_id``, separated by tabs.

    Returns:
        The doc_ids by query_id.

    Raises:
        FormatError: If it is no such table.
    """
    found: defaultdict[str, set[str]] = defaultdict(set)
    for row in table_rows(file, needs=("query_id", "doc_id")):
        found[row.text("query_id")].add(row.text("doc_id"))
    return dict(found)
