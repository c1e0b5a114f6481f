import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.distill.chains import (
    ASPECTS,
    Chain,
    ChainError,
    Step,
    Verdict,
    reasons_alone,
)
from qrmiddleware.distill.classes import ESCI

NOTES = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="()"), max_size=20
).map(str.strip)
CHAINS = st.builds(
    Chain,
    st.tuples(
        *(st.builds(Step, st.just(each), st.sampled_from(Verdict), NOTES) for each in ASPECTS)
    ),
    st.sampled_from(ESCI.codes),
)
TEXT = """category: match (asked for a laptop bag, and it is one)
brand: mismatch (asked for HP, and it is of Acme)
model: unspecified
attribute: unspecified
conclusion: S"""


def test_reads_what_people_and_models_write():
    chain = Chain.read(TEXT, ESCI)

    assert chain.conclusion == "S"
    assert chain.verdicts["brand"] is Verdict.MISMATCH
    assert chain.steps[0].note == "asked for a laptop bag, and it is one"
    assert str(chain) == TEXT


@given(chain=CHAINS)
def test_what_is_written_is_read_again(chain):
    assert Chain.read(str(chain), ESCI) == chain


@given(chain=CHAINS)
def test_reasons_without_a_conclusion_hold_no_class(chain):
    reasons = chain.without_conclusion()

    assert reasons.steps == chain.steps
    assert "conclusion" not in str(Chain(tuple(Step(s.aspect, s.verdict) for s in reasons.steps)))
    with pytest.raises(ChainError):
        Chain.read(str(reasons), ESCI)


def test_case_marks_and_empty_lines_do_not_matter():
    text = """1. Category: MATCH

- Brand: match.
* model: Unspecified (none)
ATTRIBUTE: match

Conclusion: exact"""

    assert Chain.read(text, ESCI).conclusion == "E"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"lines none: category, brand"),
        ("It matches.", r"'It matches.' is no line of a chain"),
        (
            TEXT.replace("model: unspecified\n", ""),
            r"lines category, brand, attribute, conclusion:",
        ),
        (TEXT + "\nconclusion: E", r"conclusion is there twice"),
        (TEXT.replace(": S", ": maybe"), r"conclusion 'maybe': one of E, S, C, I"),
        (TEXT.replace("model: unspecified", "model: probably"), r"model: 'probably' begins with"),
        (TEXT.replace("model: unspecified", "model: "), r"model: '' begins with none of match"),
        (TEXT + "\nsummary: fine", r"lines .*, summary: "),
        (TEXT.rpartition("\n")[0], r"lines category, brand, model, attribute: "),
    ],
)
def test_what_is_no_chain_is_refused_with_what_is_wrong(text, said):
    with pytest.raises(ChainError, match=said):
        Chain.read(text, ESCI)


@given(text=st.text(max_size=200))
def test_no_text_does_harm(text):
    try:
        chain = Chain.read(text, ESCI)
    except ChainError:
        return
    assert chain.conclusion in ESCI.codes


def test_any_conclusion_is_taken_where_no_classes_are_told():
    assert Chain.read(TEXT.replace(": S", ": maybe"), None).conclusion == "maybe"


def test_aspects_can_be_others():
    chain = Chain.read("size: match\nconclusion: I", ESCI, aspects=("size",))

    assert chain.verdicts == {"size": Verdict.MATCH}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (TEXT, TEXT.rpartition("\n")[0]),
        ("It is a bag.\n5. Conclusion: S\n", "It is a bag."),
        ("In conclusion nothing fits.", "In conclusion nothing fits."),
        ("**conclusion**: E", ""),
        ("", ""),
    ],
)
def test_reasons_of_anybody_lose_their_conclusion(text, kept):
    assert reasons_alone(text) == kept
