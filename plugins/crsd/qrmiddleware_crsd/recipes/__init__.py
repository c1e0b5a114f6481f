"""How a student learns from reasons that it will not be given."""
