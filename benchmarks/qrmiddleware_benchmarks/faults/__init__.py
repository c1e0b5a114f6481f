"""What breaks around the proxy and within it, broken on purpose while searches go on.

``matrix.CELLS`` is the table of faults; ``run.run_cell`` breaks one of them under load, and says
what clients saw, what was counted, and how long it took until all was as before.
"""
