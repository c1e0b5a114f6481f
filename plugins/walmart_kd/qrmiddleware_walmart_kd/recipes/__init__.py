"""How the students of ``plugin: walmart_kd`` are trained."""
