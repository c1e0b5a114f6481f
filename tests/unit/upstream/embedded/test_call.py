import pytest

from qrmiddleware.upstream.embedded.call import Call, read_object
from qrmiddleware.upstream.embedded.problems import ApiError


def test_a_body_is_an_object_or_nothing():
    assert Call(None, body=b' {"a": 1}').json() == {"a": 1}
    assert Call(None, body=b" \n").json() == {}
    assert Call(None, params={"source": '{"a": 2}'}).json() == {"a": 2}


@pytest.mark.parametrize("body", [b"{", b"5", b'"x"', b"[]"])
def test_another_body_is_refused(body):
    with pytest.raises(ApiError, match=r"JSON|START_OBJECT"):
        read_object(body)


def test_flags_are_true_or_false():
    call = Call(None, params={"a": "true", "b": "", "c": "false", "d": "maybe"})

    assert [call.flag(name) for name in "abcx"] == [True, True, False, False]
    with pytest.raises(ApiError, match="maybe"):
        call.flag("d")
