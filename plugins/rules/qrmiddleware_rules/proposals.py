"""From matches to proposals: which wordings, boosts and restrictions follow."""

import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from qrmiddleware import Boost, Proposal, Restriction, Rewrite
from qrmiddleware_rules.matching import Match
from qrmiddleware_rules.terms import fill, fill_clause


class _Edit(NamedTuple):
    """A synonym in its place."""

    start: int
    end: int
    text: str
    weight: float
    note: str

    @property
    def span(self) -> range:
        return range(self.start, self.end)


def propose(
    words: Sequence[str], matches: Sequence[Match], *, replaced_by: Sequence[str], limit: int
) -> list[Proposal]:
    """Work out what the matches come to.

    The wording that the user's own is replaced by comes first: replace rules applied,
    deleted words left out, and where the words of a synonym's input are all deleted, the
    synonym in their place. One word always stays. Then, each relative to that wording and
    by descending weight: every synonym alone, and the best of them that do not overlap
    together, at the product of their weights.

    Args:
        words: Of the query, after the replace rules.
        matches: In the order of the rules.
        replaced_by: Notes of the replace rules that were applied.
        limit: Synonyms that are tried, the best first, and rewrites that are returned beside
            the replacing one.
    """
    edits = sorted(_edits(matches), key=lambda edit: (-edit.weight, edit.start))[:limit]
    deleted = _deletions(matches)
    fixed = _disjoint(edit for edit in edits if deleted.keys() >= set(edit.span))
    if len(deleted) == len(words) and not fixed and words:
        del deleted[len(words) - 1]
    wording = _apply(words, deleted, fixed)
    proposals: list[Proposal] = []
    if deleted or replaced_by:
        notes = [*replaced_by, *deleted.values(), *(edit.note for edit in fixed)]
        note = "; ".join(dict.fromkeys(notes))
        proposals.append(Rewrite(wording, replaces=True, note=note))
    seen = {wording.casefold()}
    variants = [(edit, *_disjoint_from(edit, fixed)) for edit in edits]
    variants.append(tuple(_disjoint(edits)))
    rewrites = [_rewrite(words, deleted, variant, fixed) for variant in variants if variant]
    for rewrite in sorted(rewrites, key=lambda rewrite: -rewrite.weight)[:limit]:
        if rewrite.text.casefold() not in seen:
            seen.add(rewrite.text.casefold())
            proposals.append(rewrite)
    return [*proposals, *_effects(matches)]


def _edits(matches: Iterable[Match]) -> list[_Edit]:
    return [
        _Edit(
            match.start,
            match.end,
            fill(synonym.text, match.rest),
            min(synonym.weight, 1.0),
            match.rule.note,
        )
        for match in matches
        for synonym in match.rule.synonyms
    ]


def _deletions(matches: Iterable[Match]) -> dict[int, str]:
    """Tell which positions are deleted, and by which rule."""
    return {
        match.start + word: match.rule.note
        for match in matches
        for phrase, word in sorted(match.rule.deletions)
        if phrase == match.phrase
    }


def _disjoint(edits: Iterable[_Edit]) -> list[_Edit]:
    """Keep each edit that overlaps none before it."""
    kept: list[_Edit] = []
    taken: set[int] = set()
    for edit in edits:
        if taken.isdisjoint(edit.span):
            taken.update(edit.span)
            kept.append(edit)
    return kept


def _disjoint_from(edit: _Edit, others: Iterable[_Edit]) -> list[_Edit]:
    return [other for other in others if other.end <= edit.start or edit.end <= other.start]


def _apply(words: Sequence[str], deleted: Iterable[int], edits: Iterable[_Edit]) -> str:
    parts: list[str] = list(words)
    for position in deleted:
        parts[position] = ""
    for edit in edits:
        parts[edit.start : edit.end] = [edit.text, *[""] * (len(edit.span) - 1)]
    return " ".join(filter(None, parts))


def _rewrite(
    words: Sequence[str],
    deleted: Iterable[int],
    edits: Sequence[_Edit],
    fixed: Sequence[_Edit],
) -> Rewrite:
    weight = math.prod(edit.weight for edit in edits if edit not in fixed) or sys.float_info.min
    note = "; ".join(dict.fromkeys(edit.note for edit in edits))
    return Rewrite(_apply(words, deleted, edits), weight=weight, note=note)


def _effects(matches: Iterable[Match]) -> list[Boost | Restriction]:
    """Fill in the boosts and restrictions, each rule's once for what its wildcard matched."""
    applied = dict.fromkeys((match.number, match.rest) for match in matches)
    rules = {match.number: match.rule for match in matches}
    return [
        _filled(effect, rest) if rest else effect
        for number, rest in applied
        for effect in rules[number].effects
    ]


def _filled(effect: Boost | Restriction, rest: str) -> Boost | Restriction:
    clause = None if effect.clause is None else fill_clause(effect.clause, rest)
    return replace(effect, text=fill(effect.text, rest), clause=clause)
