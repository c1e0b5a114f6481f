"""Makes HTML and SVG in which whatever comes from data is text, and stays text."""

import re
from html import escape
from typing import Final, TypeAlias

_UNFIT: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef￾￿]")
_VOID: Final = {"br", "meta", "hr", "wbr"}


class Html(str):
    """Markup that is ready; only ``tag`` and ``join`` make it, and the page's own templates."""

    __slots__ = ()


Child: TypeAlias = Html | str | int | None


def text(value: object) -> Html:
    """Escape anything for a place between tags, or between an attribute's quotes."""
    return Html(escape(_UNFIT.sub("\ufffd", str(value)), quote=True))


def tag(name: str, /, *children: Child, **attributes: object) -> Html:
    """Make an element.

    Args:
        name: Of the element.
        children: Strings are escaped, unless they are markup; ``None`` is left out.
        attributes: ``_`` in a name becomes ``-``, a trailing one goes (``class_``). ``None`` and
            ``False`` are left out, ``True`` needs no value.
    """
    parts = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.rstrip("_").replace("_", "-")  # noqa: PLW2901 the same name as HTML has it
        parts.append(key if value is True else f'{key}="{text(value)}"')
    start = f"<{' '.join(parts)}>"
    return Html(start if name in _VOID else f"{start}{join(*children)}</{name}>")


def join(*children: Child) -> Html:
    """Put markup side by side; strings are escaped, unless they are markup."""
    return Html(
        "".join(
            child if isinstance(child, Html) else text(child)
            for child in children
            if child is not None
        )
    )
