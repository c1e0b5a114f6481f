"""How far the notes of a chain speak of the query and the product that they are about.

A language model that reasons about brands that nobody named may still come to the right class; a
student that reads such reasons learns what is not there.

Source: that a reward looks at faithfulness beside correctness is CRSD's, arXiv:2510.11056
(abstract); that it is a share of words is our reading.
"""

from typing import Final

from qrmiddleware.distill.chains import ASPECTS, CONCLUSION, Chain, Verdict
from qrmiddleware.distill.splits import normalised_query, stemmed_query

_FILLING: Final = frozenset(
    f"""
    a an and another any are as asked asks at be both but by do does for found from has have in into
    is it its kind like named names neither no none nor not nothing of off on one only or other
    product query s same says so t than that the their them there these they this those to told too
    unlike wanted was were what where which while with without
    {" ".join(ASPECTS)} {CONCLUSION} {" ".join(Verdict)} matches
    """.split()
)
"""Words that compare; they speak of no product."""


def faithfulness(chain: Chain, query: str, text: str) -> float:
    """Return how much of the notes query or product's text has: a mean over steps, 0..1.

    Of each step the share of its note's words. Upper and lower case and the English plural do not
    matter; words that only compare, such as "asked for", do not count; a word counts as often as
    it is used. A step that compares and does not say what is worth nothing, as nobody can check
    it; one that has nothing to compare and says nothing is left out. Notes in another language
    than query and text find nothing there.

    Args:
        chain: Its conclusion is not looked at.
        query: As the user typed it.
        text: What the teacher read of the product.

    Returns:
        0 where no step compares anything: the chain gives no reason.
    """
    known = {*_forms(query), *_forms(text)}
    said = [(step.verdict, _words(step.note)) for step in chain.steps]
    shares = [
        sum(not known.isdisjoint(_forms(word)) for word in words) / max(len(words), 1)
        for verdict, words in said
        if words or verdict is not Verdict.UNSPECIFIED
    ]
    return sum(shares) / len(shares) if shares else 0.0


def _words(note: str) -> list[str]:
    words = normalised_query(note).split()
    return [word for word in words if word not in _FILLING and word.isalnum()]


def _forms(text: str) -> tuple[str, ...]:
    """Return the words as they are written and without their plural."""
    return (*normalised_query(text).split(), *stemmed_query(text).split())
