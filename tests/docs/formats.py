"""What can be read for evaluation."""

from references import table

from qrmiddleware.evaluation.formats import FORMATS


def formats() -> str:
    """List the formats, and the options of each."""
    return table(
        ("format", "what it is", "files", "judgments", "catalogue"),
        *(
            (
                f"[`{each.name}`](#{each.name})",
                each.title,
                _code(each.needs),
                _yes(each.judged),
                _yes(each.catalogue),
            )
            for each in FORMATS.values()
        ),
    )


def options(name: str) -> str:
    """List the options of a format."""
    rows = (
        (
            f"`{key}`",
            option.meaning,
            ", ".join(f"`{choice}`" for choice in option.choices),
            f"`{option.default}`" if option.default else "",
        )
        for key, option in FORMATS[name].options.items()
    )
    return table(("option", "meaning", "choices", "default"), *rows)


def _code(text: str) -> str:
    return text.replace("*", r"\*")


def _yes(part: object) -> str:
    return "yes" if part is not None else ""
