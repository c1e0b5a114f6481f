from qrmiddleware_benchmarks.machine import describe_machine, ticks


def test_the_machine_and_versions_are_named():
    machine = describe_machine(["msgspec"], {"nginx": "1.22"})

    assert machine.cpu
    assert machine.cores >= 1
    assert set(machine.versions) == {"Python", "msgspec", "nginx"}


def test_work_passes_time():
    before = ticks()
    sum(range(2_000_000))
    after = ticks()

    assert after.busy_s >= before.busy_s
    assert after.total_s >= before.total_s
