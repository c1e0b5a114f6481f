"""``qrm beque``, stage by stage."""
