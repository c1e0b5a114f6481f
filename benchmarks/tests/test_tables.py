from qrmiddleware_benchmarks import tables
from qrmiddleware_benchmarks.differences import differences


def cells(lines, name):
    (row,) = [line for line in lines if line.startswith(f"| {name} |")]
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_percentiles_that_rest_on_few_searches_are_marked(make_result):
    lines = list(tables.latencies(make_result().measurements[0]))

    name, p50, *_, p99, p999, longest, searches = cells(lines, "nginx")
    assert name == "nginx"
    assert 1.4 < float(p50) < 1.6
    assert not p99.startswith("~")
    assert p999.startswith("~")
    assert float(longest) >= float(p999[1:])
    assert searches == "2,400"


def test_the_first_arm_is_not_compared_with_itself(make_result):
    lines = list(tables.comparisons(make_result().measurements[0]))

    assert len(lines) == 3
    assert cells(lines, "nginx")[3].startswith("1.5")


def test_costs_are_per_search_and_left_out_where_there_are_none(make_result, make_arm):
    lines = list(tables.costs(make_result(make_arm("rules", 1.0, degraded=3)).measurements[0]))

    found = cells(lines, "rules")
    assert found[1:5] == ["300", "300", "0", "1.0%"]
    assert found[5:8] == ["0.50", "80", "0.10"]


def test_every_process_and_counter_is_listed(make_result):
    (measurement,) = make_result().measurements

    processes = "\n".join(tables.processes(measurement))

    assert processes.count("qrm serve") == processes.count("generator 1") == 2
    assert "| direct | rules success | 2,400 |" in tables.counters(measurement)


def test_differences_are_shown_with_their_verdicts(make_result, make_arm):
    before = make_result(make_arm("direct", 1.0), make_arm("rules", 2.0, seed=1))
    after = make_result(make_arm("direct", 1.0, seed=2), make_arm("rules", 4.0, seed=3))

    text = "\n".join(tables.all_differences(differences(before, after)))

    assert "### constant answer of 4 KB" in text
    assert "| rules | p50 |" in text
    assert "slower, by itself and beside the first arm" in text
