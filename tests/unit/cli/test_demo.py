"""``qrm demo`` as a command; what it does is tested with the demo."""


def test_an_unreachable_cluster_is_said(qrm):
    ran = qrm("demo", "--upstream", "http://127.0.0.1:1", "--once", "--yes")

    assert ran.code in (1, 2)
    assert "127.0.0.1:1" in ran.err + ran.out
    assert "Traceback" not in ran.err
