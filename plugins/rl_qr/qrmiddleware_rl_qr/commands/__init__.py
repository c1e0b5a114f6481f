"""``qrm rl-qr``, stage by stage."""
