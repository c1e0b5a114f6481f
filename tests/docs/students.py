"""What the code says of students."""

from collections.abc import Iterator

from pydantic import BaseModel
from references import single_ticks, table

from qrmiddleware.distill.exporting.architectures import FAMILIES, REFUSED
from qrmiddleware.students.manifest import Manifest

_MENDS = {
    "absolute_positions": "positions, whose kind transformers 5 does not name any more",
    "post_norm": "where it normalises, which the loader asks mBART's keys for",
    "output_scale": "the scale of its outputs: without, they are wrong and nothing fails",
}
_CHECKS = {
    "pad_is_one": "`<pad>` must be token 1",
    "pad_is_last": "`<pad>` must be the last token",
}


def families() -> str:
    """Describe what can be converted, and what is refused."""
    rows = (
        (
            f"`{family.model_type}`",
            family.examples,
            ", ".join(family.kinds),
            "; ".join([*map(_MENDS.get, family.mends), *map(_CHECKS.get, family.checks)]),
        )
        for family in FAMILIES.values()
    )
    refused = (f"- `{name}`: {reason}" for name, reason in REFUSED.items())
    header = ("`model_type`", "such as", "can be", "mended or checked")
    return "\n".join([table(header, *rows), "", "Refused, among others:", "", *refused])


def manifest() -> str:
    """Describe the keys of ``student.json``."""
    return table(("key", "meaning"), *_rows(Manifest, ""))


def _rows(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str]]:
    for name, field in model.model_fields.items():
        meaning = " ".join((field.description or "").split())
        parts = [each for each in _inner(field.annotation) if issubclass(each, BaseModel)]
        if parts:
            yield f"`{prefix}{name}`", single_ticks(meaning) or (parts[0].__doc__ or "").strip()
            yield from _rows(parts[0], f"{prefix}{name}.")
        else:
            yield f"`{prefix}{name}`", single_ticks(meaning)


def _inner(annotation: object) -> list[type]:
    """Return the classes that an annotation names, alone or in a union."""
    options = getattr(annotation, "__args__", (annotation,))
    return [option for option in options if isinstance(option, type)]
