"""Which proposals are used, and why the others are not."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from qrmiddleware.model import Boost, Decision, Proposal, Query, Restriction, Rewrite
from qrmiddleware.pipeline.options import Options

_TOKEN: Final = re.compile(r"[^\s,;()\"']+")
_MEASURE: Final = re.compile(r"\d+(?:[.,x/]\d+)*[^\W\d_]{0,4}", re.IGNORECASE)
_MIN_IDENTIFIER: Final = 5
_MIN_DIGITS: Final = 3
_MIN_NUMBER: Final = 8


def admit(
    query: Query, proposals: Mapping[str, Sequence[Proposal]], options: Options
) -> tuple[Decision, ...]:
    """Decide on every proposal, in plugin order.

    The first admitted rewrite with ``replaces`` takes the place of the user's wording. Of
    the others, echoes, repeats, what lost an identifier, what is below ``min_weight`` and
    what exceeds ``max_rewrites`` is not admitted.
    """
    offered = [(name, proposal) for name, answer in proposals.items() for proposal in answer]
    seen = {_key(query.text)}
    replaced = ""
    count = 0
    decisions: list[Decision] = []
    for name, proposal in offered:
        reason = "admitted"
        if isinstance(proposal, Rewrite):
            reason = _objection(query, proposal, seen, options)
            if not reason and proposal.replaces:
                reason = f"the query was already replaced by {replaced!r}" if replaced else ""
                replaced = replaced or proposal.text
            elif not reason and count == options.max_rewrites:
                reason = f"limit of {options.max_rewrites} reached"
            elif not reason:
                count += 1
            if not reason:
                seen.add(_key(proposal.text))
            reason = reason or "admitted"
        decisions.append(Decision(name, proposal, reason == "admitted", reason))
    return tuple(decisions)


def _objection(query: Query, rewrite: Rewrite, seen: set[str], options: Options) -> str:
    key = _key(rewrite.text)
    if key == _key(query.text):
        return "echo of the query"
    if key in seen:
        return "repeat"
    if rewrite.weight < options.min_weight:
        return f"weight {rewrite.weight:g} is below min_weight {options.min_weight:g}"
    if options.keep_identifiers and (lost := lost_identifier(query.text, rewrite.text)):
        return f"loses the identifier {lost!r}"
    return ""


def lost_identifier(text: str, rewrite: str) -> str:
    """Return the first identifier of a text that its rewrite lacks; empty for none."""
    kept = _squeezed(rewrite)
    found = (each for each in identifiers(text) if _squeezed(each) not in kept)
    return next(found, "")


def identifiers(text: str) -> Iterator[str]:
    """Find article numbers, EANs and model numbers such as ``tn-2110``; not ``500gb``."""
    for token in _TOKEN.findall(text):
        squeezed = _squeezed(token)
        digits = sum(character.isdigit() for character in squeezed)
        if squeezed.isdigit():
            if len(squeezed) >= _MIN_NUMBER:
                yield token
        elif (
            digits >= _MIN_DIGITS
            and len(squeezed) >= _MIN_IDENTIFIER
            and not _MEASURE.fullmatch(token)
        ):
            yield token


def rewrites_of(decisions: Iterable[Decision]) -> tuple[Rewrite, ...]:
    """Return the admitted rewrites, in order."""
    return tuple(d.proposal for d in decisions if d.admitted and isinstance(d.proposal, Rewrite))


def boosts_of(decisions: Iterable[Decision]) -> tuple[Boost, ...]:
    """Return the boosts, in order."""
    return tuple(d.proposal for d in decisions if d.admitted and isinstance(d.proposal, Boost))


def restrictions_of(decisions: Iterable[Decision]) -> tuple[Restriction, ...]:
    """Return the restrictions, in order."""
    return tuple(
        d.proposal for d in decisions if d.admitted and isinstance(d.proposal, Restriction)
    )


def _key(text: str) -> str:
    return " ".join(text.casefold().split())


def _squeezed(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())
