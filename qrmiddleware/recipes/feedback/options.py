"""Options of the commands that search offline, and what is made of them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final

import typer

from qrmiddleware.distill.rewriting.guards import GuardOptions, catalogue_brands
from qrmiddleware.errors import ConfigError

DEFAULT_URL: Final = "http://localhost:9200"

UrlOption = Annotated[
    str, typer.Option("--url", "-u", help="The engine, or a qrm proxy in front of it.")
]
IndexOption = Annotated[str, typer.Option("--index", "-i", help="Name of the index.")]
SearchFieldsOption = Annotated[
    str, typer.Option("--fields", help="Fields that are searched: title^2,description.")
]
BodyOption = Annotated[
    Path | None, typer.Option(help="Search body (JSON) with {{query}} where the text goes.")
]
OperatorOption = Annotated[str, typer.Option(help="Of the multi_match: and, or.")]
PipelineOption = Annotated[
    str, typer.Option(help="Of a qrm proxy: _none searches the engine alone.")
]
IdFieldOption = Annotated[
    str, typer.Option(help="Field with the id that the judgments use, if it is not _id.")
]
ApiKeyOption = Annotated[str, typer.Option(help="Environment variable with an API key.")]
CaCertsOption = Annotated[
    Path | None, typer.Option(help="PEM file that vouches for the engine's certificate.")
]
DepthOption = Annotated[int, typer.Option(min=1, help="How many hits of a search count.")]
ConcurrencyOption = Annotated[int, typer.Option(min=1, help="Queries under way at a time.")]
SearchRateOption = Annotated[
    float, typer.Option("--rate", min=0, help="Searches a second; 0 for no bound.")
]
TimeoutOption = Annotated[float, typer.Option(min=0.001, help="Seconds for one search.")]
AttemptsOption = Annotated[
    int,
    typer.Option(min=1, help="How often a search is tried that a busy engine does not answer."),
]
GiveUpOption = Annotated[
    int, typer.Option(min=1, help="Stop when so many queries in a row fail; go on later.")
]
JudgmentsOption = Annotated[
    Path | None,
    typer.Option(help="Relevant is what these judgments say; a folder as `qrm eval` reads it."),
]
JudgeStudentOption = Annotated[
    Path | None,
    typer.Option(
        "--student", help="Relevant is what this cross-encoder or bi-encoder scores high."
    ),
]
MinScoreOption = Annotated[
    float, typer.Option(help="With --student: the least score of what is relevant.")
]
TextFieldsOption = Annotated[
    str,
    typer.Option(help="With --student: fields that it reads; else those it was trained on."),
]
ReachedOption = Annotated[
    Path | None,
    typer.Option(
        help="For the hit rate, what users got elsewhere: a .tsv with query (or query_id) and "
        "doc_id, or a folder of UBI's queries and events."
    ),
]
BrandsOption = Annotated[
    Path | None,
    typer.Option(help="Brands of the catalogue, one a line: rewrites keep those of the query."),
]
LanguageOption = Annotated[
    str, typer.Option(help="Of the catalogue: refuses rewrites in another, such as en.")
]
ScriptOption = Annotated[
    list[str] | None,
    typer.Option(help="Allowed whatever the query is written in, such as LATIN; repeat."),
]
NewIdentifiersOption = Annotated[
    bool,
    typer.Option("--new-identifiers", help="Rewrites may hold article numbers of their own."),
]
VersionOption = Annotated[
    str,
    typer.Option(
        "--engine-version",
        help="Changes with what cannot be seen from outside, such as the catalogue's content: "
        "then all is searched anew.",
    ),
]


def names(told: str) -> tuple[str, ...]:
    """Split names at commas."""
    return tuple(name.strip() for name in told.split(",") if name.strip())


def guards_of(
    brands: Path | None,
    language: str,
    scripts: Iterable[str] | None,
    *,
    new_identifiers: bool,
) -> GuardOptions:
    """Read what rewrites must be.

    Raises:
        ConfigError: If the brands cannot be read, or there is no such language.
    """
    try:
        listed = brands.read_text(encoding="utf-8-sig").splitlines() if brands else ()
        return GuardOptions(
            brands=catalogue_brands(listed),
            language=language,
            scripts=frozenset(script.upper() for script in scripts or ()),
            new_identifiers=new_identifiers,
        )
    except (OSError, ValueError) as error:  # not UTF-8 is a ValueError, too
        raise ConfigError(str(error)) from error
