"""Measures relevance from outside, over HTTP: of this proxy, and of any other engine."""
