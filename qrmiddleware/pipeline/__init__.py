"""The search pipeline, sans I/O: pure halves around trips to the engine, and their order."""
