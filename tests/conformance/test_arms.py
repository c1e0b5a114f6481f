from importlib.metadata import distributions

import pytest
from api_calls import Response
from arms import Arm, noted
from identity_plugin import Identity

from qrmiddleware.testing import check_plugin


class Connection:
    def __init__(self, response):
        self._response = response
        self.closed = 0

    def send(self, request):
        return self._response

    def close(self):
        self.closed += 1


class Request:
    target = "/a/_search?size=1"


def test_an_arm_notes_what_was_asked_and_what_the_proxy_says_of_it():
    headers = [("x-qrm-applied", "rewrite"), ("x-qrm-degraded", "judge=timeout"), ("x", "y")]
    arm = Arm("identity", "http://…", Connection(Response(200, headers, "{}", {})))

    arm.send(Request())
    arm.send(Request())

    assert arm.asked == ["/a/_search?size=1"] * 2
    assert arm.noted == {"rewrite": 2, "judge=timeout": 2}
    arm.forget()
    assert (arm.asked, arm.noted, arm.connection.closed) == ([], {}, 1)


@pytest.mark.parametrize(
    ("target", "status", "said"),
    [
        ("/a/_search", 200, "pipeline=refused"),
        ("/a/_search", 400, "pipeline=refused, 400"),
        ("/_msearch?pretty", 200, "pipeline=refused, msearch"),
        ("/_msearch", 400, "pipeline=refused, 400"),
    ],
)
def test_a_note_tells_where_there_may_be_an_error(target, status, said):
    assert noted(target, status, ["pipeline=refused"]) == [said]


def test_the_identity_plugin_keeps_the_contract_and_is_installed_nowhere():
    check_plugin(Identity(Identity.Settings()))

    names = {point.name for each in distributions() for point in each.entry_points}
    assert "identity" not in names
