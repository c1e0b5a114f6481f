"""Opens the students that the plugin's options name, and checks that they can do what is set."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from qrmiddleware import ConfigError
from qrmiddleware.students.manifest import Kind, Manifest
from qrmiddleware.students.opening import Student
from qrmiddleware.students.sharing import borrow_student
from qrmiddleware_walmart_kd.scoring import Scoring

if TYPE_CHECKING:
    from qrmiddleware_walmart_kd.plugin import WalmartKd


def open_scoring(options: "WalmartKd.Settings", loans: ExitStack) -> Scoring:
    """Open one student or two.

    Args:
        options: Which, and how they are used.
        loans: Closing it lets go of them.

    Raises:
        ConfigError: If a student is missing, damaged, or of a kind that cannot do what is set.
    """
    first: Student | None = None
    if options.first is None:
        model = _borrow(options.model, options, loans, "cross_encoder", "bi_encoder")
    else:
        model = _borrow(options.model, options, loans, "cross_encoder")
        first = _borrow(options.first, options, loans, "cross_encoder", "bi_encoder")
        _check_fields(options, model.manifest, first.manifest)
    _check_vectors(options, [student.manifest for student in (model, first) if student])
    _check_reward(options, model.manifest)
    return Scoring(
        model,
        options.fields or model.manifest.inputs.fields,
        first,
        options.keep,
        options.vector_field,
    )


def _borrow(path: Path, options: "WalmartKd.Settings", loans: ExitStack, *kinds: Kind) -> Student:
    loan = borrow_student(path, options.runtime, expect=kinds)
    loans.callback(loan.close)
    return loan.thing


def _check_fields(options: "WalmartKd.Settings", model: Manifest, first: Manifest) -> None:
    if options.fields is None and first.inputs.fields != model.inputs.fields:
        problem = (
            f"the student in {options.model} was trained to read {', '.join(model.inputs.fields)}, "
            f"the one in {options.first} {', '.join(first.inputs.fields)}: say with `fields` what "
            "both shall read"
        )
        raise ConfigError(problem)


def _check_vectors(options: "WalmartKd.Settings", manifests: Sequence[Manifest]) -> None:
    if options.vector_field and all(each.kind != "bi_encoder" for each in manifests):
        problem = (
            f"vector_field is {options.vector_field!r}, and no student here is a bi_encoder: "
            "leave it out, or name a bi_encoder's folder as `model` or `first`"
        )
        raise ConfigError(problem)


def _check_reward(options: "WalmartKd.Settings", model: Manifest) -> None:
    if options.reward == "logit" and (model.kind != "cross_encoder" or model.labels):
        labels = f" with {len(model.labels)} classes" if model.labels else ""
        problem = (
            f"`reward: logit` needs a cross_encoder with a single logit, and {options.model} "
            f"holds a {model.kind}{labels}: leave it out"
        )
        raise ConfigError(problem)
