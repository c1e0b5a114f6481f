"""Search bodies and replies of Elasticsearch and OpenSearch, read and written as plain values.

What is not understood is kept as the bytes that came, so that it leaves as it came.
"""
