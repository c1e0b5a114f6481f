"""How a student learns a teacher's scores and its chain of thought."""
