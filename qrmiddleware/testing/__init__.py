"""For plugin authors: hits to test with, and a harness; students are in ``testing.students``."""

from qrmiddleware.testing.harness import AWKWARD_QUERIES, check_plugin, doc_ids, make_hits

__all__ = ["AWKWARD_QUERIES", "check_plugin", "doc_ids", "make_hits"]
