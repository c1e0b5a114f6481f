from qrmiddleware_benchmarks.progress import progress


def test_a_bar_ends_where_nobody_watches_too(capsys):
    with progress("faults", 3) as advance:
        for step in ("a", "b", "c"):
            advance(step)

    said = capsys.readouterr()
    assert "faults" in said.err
    assert "3/3" in said.err
    assert said.out == ""
