"""Queries: from Elasticsearch's JSON to clauses that tantivy runs."""
