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
    """Return the share of the notes' words that the query or the product's text has, 0..1.

    Upper and lower case and the English plural do not matter. Words that only compare, such as
    "asked for", do not count; a word counts as often as it is used. Notes in another language
    than query and text find nothing there.

    Args:
        chain: Its notes are looked at, and neither verdicts nor conclusion.
        query: As the user typed it.
        text: What the teacher read of the product.

    Returns:
        0 where the notes have no word that counts: they give no reason.
    """
    known = {*_forms(query), *_forms(text)}
    said = [
        word
        for step in chain.steps
        for word in normalised_query(step.note).split()
        if word not in _FILLING and word.isalnum()
    ]
    found = sum(not known.isdisjoint(_forms(word)) for word in said)
    return found / len(said) if said else 0.0


def _forms(text: str) -> tuple[str, ...]:
    """Return the words as they are written and without their plural."""
    return (*normalised_query(text).split(), *stemmed_query(text).split())
