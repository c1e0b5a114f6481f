"""``qrm label``: what a student is to learn."""
