"""One teacher of two: classes with reasons from one, and how near every product is from others.

Rules, and people, name classes and are sure of them; vectors are sure of nothing and rank all
products. A product of experts has both: a class is as probable as the first says, times what the
others' scores make of its gain.

    log p(class) = trust x log p_first(class) + pull x score x gain(class) + constant

Source: products of experts are Hinton's (2002, Neural Computation 14:1771); this use is ours.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Final, TypeAlias

from qrmiddleware.distill.classes import ESCI, Classes
from qrmiddleware.distill.labels import Label, expected_gain
from qrmiddleware.distill.losses import Scale
from qrmiddleware.errors import ConfigError

Scores: TypeAlias = Mapping[str, float]
"""Standardised, by the pair's key."""
TRUST: Final = 0.5
"""Below 1 the first teacher's certainty counts for less than it says."""
PULL: Final = 4.0
"""What a standard deviation of the scores is worth, in log-odds between gains 1 and 0."""
_LEAST: Final = 1e-6


def join_labels(
    reasoned: Iterable[Label],
    scored: Sequence[Sequence[Label]],
    *,
    trust: float = TRUST,
    pull: float = PULL,
    classes: Classes = ESCI,
) -> Iterator[Label]:
    """Yield a label with classes for each pair that all scores are known of.

    A pair that the first teacher says nothing of has classes by the scores alone, and no reason.

    Args:
        reasoned: Of a teacher that names classes.
        scored: Of one or more that score; their log-odds, standardised, are averaged.
        trust: Exponent of the first's probabilities.
        pull: Weight of the scores.
        classes: With their gains.

    Raises:
        ConfigError: If no pair is scored by all, or a label has another class.
    """
    told = {label.pair: label for label in reasoned}
    scores = _scores(scored)
    by = "+".join(sorted({each.teacher for each in (*told.values(), *(s[0] for s in scored))}))
    name = f"joined:{sha256(f'{by} {trust} {pull}'.encode()).hexdigest()[:8]}"
    known = {label.pair: label for labels in reversed(scored) for label in labels}
    for key, score in scores.items():
        first = told.get(key)
        shares = _shares(first, score, trust=trust, pull=pull, classes=classes)
        yield replace(
            known[key],
            teacher=name,
            target=expected_gain(shares, classes.gains),
            grade=max(shares, key=shares.__getitem__),
            probabilities=shares,
            logit=None,
            reason="" if first is None else first.reason,
            prompt_tokens=0,
            completion_tokens=0,
        )


def _scores(scored: Sequence[Sequence[Label]]) -> Scores:
    tables = []
    for labels in scored:
        try:
            scale = Scale.measured([label.log_odds() for label in labels])
        except ValueError as error:
            message = f"labels that score: {error}"
            raise ConfigError(message) from error
        tables.append(
            {label.pair: (label.log_odds() - scale.mean) / scale.deviation for label in labels}
        )
    if not tables or not (common := [p for p in tables[0] if all(p in t for t in tables)]):
        message = f"no pair is scored by all of {len(tables)} files: label the same pairs"
        raise ConfigError(message)
    return {pair: math.fsum(table[pair] for table in tables) / len(tables) for pair in common}


def _shares(
    first: Label | None, score: float, *, trust: float, pull: float, classes: Classes
) -> dict[str, float]:
    said = (1.0,) * len(classes.codes)
    if first is not None:
        try:
            said = first.shares(classes.codes)
        except ValueError as error:
            raise ConfigError(str(error)) from error
    logs = [
        trust * math.log(max(share, _LEAST)) + pull * score * each.gain
        for share, each in zip(said, classes, strict=True)
    ]
    highest = max(logs)
    powers = [math.exp(value - highest) for value in logs]
    total = math.fsum(powers)
    return {code: power / total for code, power in zip(classes.codes, powers, strict=True)}
