"""``qrm label join``: one teacher of several."""

from pathlib import Path
from typing import Annotated

import typer

from qrmiddleware.distill.joining import PULL, TRUST, join_labels
from qrmiddleware.distill.label_store import read_labels, write_labels
from qrmiddleware.recipes.command_options import say


def join(
    reasoned: Annotated[
        Path, typer.Argument(metavar="REASONED", help="Labels with classes, and reasons.")
    ],
    scored: Annotated[
        list[Path], typer.Argument(metavar="SCORED…", help="Labels with scores of the same pairs.")
    ],
    out: Annotated[Path, typer.Option(help="Where the labels go; the file must be new.")],
    trust: Annotated[
        float, typer.Option(min=0, help="How sure the classes are: exponent of probabilities.")
    ] = TRUST,
    pull: Annotated[
        float, typer.Option(min=0, help="What scores weigh, in log-odds a standard deviation.")
    ] = PULL,
) -> None:
    """Join a teacher that names classes with others that score: each corrects the other.

    Pairs without a class have one by their scores; reasons stay as they are.

    Examples:

        qrm label join ./work/reasons.labels.jsonl ./work/minilm.labels.jsonl
        --out ./work/joined.labels.jsonl
    """
    scores = [read_labels(file) for file in scored]
    labels = list(join_labels(read_labels(reasoned), scores, trust=trust, pull=pull))
    write_labels(out, labels)
    with_reason = sum(bool(label.reason) for label in labels)
    say(f"{out}: {len(labels):,} labels, {with_reason:,} with a reason")
