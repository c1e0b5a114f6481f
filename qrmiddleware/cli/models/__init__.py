"""``qrm models``."""
