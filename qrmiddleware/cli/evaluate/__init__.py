"""``qrm eval``: measures relevance."""
