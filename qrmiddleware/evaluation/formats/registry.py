"""All formats by name, and how the right one is found."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from qrmiddleware.evaluation.collection import Document, JudgedQueries
from qrmiddleware.evaluation.formats import (
    beir,
    esci,
    jsonl,
    quepid,
    search_relevance,
    trec,
    ubi,
    wands,
)
from qrmiddleware.evaluation.formats.format import Format, Source
from qrmiddleware.evaluation.formats.rows import FormatError

_ALL: Final = (esci, wands, beir, ubi, jsonl, search_relevance, quepid, trec)

FORMATS: Final[Mapping[str, Format]] = MappingProxyType(
    {module.FORMAT.name: module.FORMAT for module in _ALL}
)
"""By name, in the order in which they are tried."""

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


def load_judged(
    path: Path, *, format_name: str = "", options: Mapping[str, str] = _NOTHING
) -> JudgedQueries:
    """Read queries and their judgments.

    Args:
        path: A folder, or one of its files.
        format_name: One of ``FORMATS``; empty for the one that the content fits.
        options: Of that format.

    Raises:
        FormatError: If nothing fits, or a file is not what its format says.
    """
    source = Source(path)
    chosen = find_format(source, format_name)
    if chosen.judged is None:
        raise _lacks(path, chosen, "judgments")
    return chosen.judged(source, chosen.choose(options))


def load_catalogue(
    path: Path, *, format_name: str = "", options: Mapping[str, str] = _NOTHING
) -> Iterator[Document]:
    """Read a catalogue, document by document.

    Args:
        path: A folder, or one of its files.
        format_name: One of ``FORMATS``; empty for the one that the content fits.
        options: Of that format.

    Raises:
        FormatError: If nothing fits, or a file is not what its format says; a wrong line is
            found only when it is come to.
    """
    source = Source(path)
    chosen = find_format(source, format_name)
    if chosen.catalogue is None:
        raise _lacks(path, chosen, "catalogue")
    return chosen.catalogue(source, chosen.choose(options))


def find_format(source: Source, name: str = "") -> Format:
    """Return the format of that name; without a name the one that the content fits.

    Raises:
        FormatError: If there is none.
    """
    if name:
        if name not in FORMATS:
            message = f"there is no format {name!r}; choose {', '.join(FORMATS)}"
            raise FormatError(message)
        return FORMATS[name]
    found = next((each for each in FORMATS.values() if each.fits(source)), None)
    if found is None:
        needs = "\n".join(f"  {each.name}: {each.needs}" for each in FORMATS.values())
        message = (
            f"{source.path} is in no format that can be read. In it: {source.listed()}.\n"
            f"What each format needs:\n{needs}\nName one, if it was not recognised."
        )
        raise FormatError(message)
    return found


def _lacks(path: Path, chosen: Format, what: str) -> FormatError:
    others = [each.name for each in FORMATS.values() if getattr(each, _PARTS[what]) is not None]
    return FormatError(
        f"{path}: format {chosen.name} has no {what}; these have: {', '.join(others)}"
    )


_PARTS: Final = MappingProxyType({"judgments": "judged", "catalogue": "catalogue"})
