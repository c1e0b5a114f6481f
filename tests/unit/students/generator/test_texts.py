from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.students.generator.texts import normalised


def test_case_blanks_and_width_make_no_difference():
    assert normalised(" Wi-Fi  ROUTER") == normalised("wi-fi router") == "wi-fi router"
    assert normalised("\uff35\uff33\uff22") == "usb"


@given(st.text())
def test_blanks_never_lead_trail_or_double(text):
    kept = normalised(text)

    assert kept == " ".join(kept.split())
