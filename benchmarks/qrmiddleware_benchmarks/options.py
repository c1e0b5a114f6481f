"""Options that several commands of ``qrm-bench`` share, and what is made of them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import typer

from qrmiddleware_benchmarks.arms import ArmSpec, Scenario, Url
from qrmiddleware_benchmarks.measure import EMBEDDED, Setup
from qrmiddleware_benchmarks.processes import Tell
from qrmiddleware_benchmarks.queries import read_queries
from qrmiddleware_benchmarks.scenarios import SCENARIOS
from qrmiddleware_benchmarks.schedule import Arrivals
from qrmiddleware_benchmarks.searches import QUERIES, body_from, search_body

RESULTS: Final = Path("benchmarks/results")
ENGINES: Final = ("elasticsearch", "opensearch", EMBEDDED)
_HTTP_PORT: Final = 80


def _scenario(name: str) -> str:
    return _one_of("scenario", name, SCENARIOS)


def _engine(name: str) -> str:
    return _one_of("engine", name, ENGINES)


def _arrivals(name: str) -> str:
    return _one_of("kind of arrivals", name, ("poisson", "constant"))


def _one_of(kind: str, name: str, known: Sequence[str] | Mapping[str, object]) -> str:
    if name not in known:
        message = f"there is no {kind} {name!r}; there are: {', '.join(known)}"
        raise typer.BadParameter(message)
    return name


ScenarioName = Annotated[
    str, typer.Argument(help=f"One of {', '.join(SCENARIOS)}.", callback=_scenario)
]
Rounds = Annotated[int, typer.Option(help="Slices an arm.", min=1)]
SliceS = Annotated[float, typer.Option("--slice-s", help="Seconds a slice.", min=0.1)]
WarmupS = Annotated[
    float, typer.Option("--warmup-s", help="Seconds of load before each that do not count.", min=0)
]
RateHz = Annotated[
    float | None,
    typer.Option(
        "--rate-hz",
        help="Searches a second, and a result file of their own; the scenario's rate without.",
        min=0.1,
    ),
]
ArrivalsOption = Annotated[
    str,
    typer.Option(
        "--arrivals", help="poisson: as independent users come. constant.", callback=_arrivals
    ),
]
QueriesFile = Annotated[
    Path | None,
    typer.Option(
        help="Queries, most frequent first: lines of text, or of JSON with a query each; .gz or "
        "not. Made-up ones without.",
        exists=True,
        dir_okay=False,
    ),
]
Zipf = Annotated[
    float | None,
    typer.Option(
        help="Ask the n-th query with a frequency of 1/n to this power, 1 being usual; in turn "
        "without.",
        min=0,
    ),
]
GeneratorsOption = Annotated[
    int, typer.Option("--generators", help="Processes that make the load.", min=1, max=64)
]
Seed = Annotated[int, typer.Option(help="Of schedules, queries and orders.")]
Results = Annotated[Path, typer.Option(help="Folder of results.", file_okay=False)]
Port = Annotated[int, typer.Option(help="First of some dozens of ports to use.")]
ArmNames = Annotated[
    list[str] | None, typer.Option("--arm", help="Only these arms; repeatable. All without.")
]
Catalogue = Annotated[
    Path | None,
    typer.Option(
        help="For the scenario search: lines of JSON with id, title, brand, description; .gz or "
        "not.",
        exists=True,
        dir_okay=False,
    ),
]
EngineOption = Annotated[
    str,
    typer.Option(
        "--engine",
        help=f"For the scenario search: one of {', '.join(ENGINES)}; fetched if need be.",
        callback=_engine,
    ),
]
UrlArms = Annotated[
    list[str],
    typer.Option("--arm", help="NAME=URL of a search endpoint (http://); repeatable."),
]
Header = Annotated[
    list[str] | None,
    typer.Option("--header", help="'Name: value' to send with every search; repeatable."),
]
Body = Annotated[
    Path | None,
    typer.Option(
        help="Search body (JSON) in which {{query}} stands for the query; without, a multi_match "
        "on title, brand and description with a facet.",
        exists=True,
        dir_okay=False,
    ),
]


def setup_from(
    *,
    port: int,
    tell: Tell,
    queries: Path | None,
    catalogue: Path | None = None,
    engine: str = "elasticsearch",
    body: Path | None = None,
) -> Setup:
    """Read the files that options name.

    Raises:
        QueryFileError: If there are no queries in their file.
        typer.BadParameter: If the search body cannot be used.
    """
    texts = QUERIES if queries is None else read_queries(queries)
    name = (
        f"{len(texts):,} {'made-up queries' if queries is None else f'queries of {queries.name}'}"
    )
    return Setup(
        first_port=port,
        tell=tell,
        queries=texts,
        queries_name=name,
        body=search_body if body is None else _body(body),
        catalogue=catalogue,
        engine=engine,
    )


def only(scenario_arms: Mapping[str, ArmSpec], names: Sequence[str] | None) -> dict[str, ArmSpec]:
    """Choose arms by name, in the order of the scenario.

    Raises:
        typer.BadParameter: If there is none of a name.
    """
    for name in names or ():
        _one_of("arm", name, scenario_arms)
    return {name: spec for name, spec in scenario_arms.items() if not names or name in names}


def arrivals_of(name: str) -> Arrivals:
    """Return the kind of arrivals of this name, which is known to be one."""
    return "constant" if name == "constant" else "poisson"


def needs_catalogue(scenario: Scenario, catalogue: Path | None) -> None:
    """Refuse a scenario with a real engine that has nothing to find.

    Raises:
        typer.BadParameter: If so.
    """
    if not scenario.sizes_bytes and catalogue is None:
        message = f"{scenario.name} needs --catalogue: what the engine is to search"
        raise typer.BadParameter(message)


def url_arms(arms: Sequence[str], headers: Sequence[str]) -> dict[str, ArmSpec]:
    """Read arms that are given as ``NAME=URL``.

    Raises:
        typer.BadParameter: If one is not, or there are fewer than two.
    """
    sent = dict(_header(each) for each in headers)
    found = dict(_url_arm(each, sent) for each in arms)
    if len(found) < 2:  # noqa: PLR2004 - a comparison
        message = "a comparison needs two arms of different names: --arm A=URL --arm B=URL"
        raise typer.BadParameter(message)
    return found


def _url_arm(text: str, headers: Mapping[str, str]) -> tuple[str, ArmSpec]:
    name, given, url = text.partition("=")
    parts = urlsplit(url)
    if not given or not name or parts.scheme != "http" or not parts.hostname:
        message = (
            f"{text!r} is not NAME=http://HOST:PORT/INDEX/_search; the load generator speaks no "
            "TLS, because its own cost would be measured with it"
        )
        raise typer.BadParameter(message)
    target = (parts.path or "/_search") + (f"?{parts.query}" if parts.query else "")
    front = Url(parts.hostname, parts.port or _HTTP_PORT, target, {"host": parts.netloc, **headers})
    return name, ArmSpec(front=front, answers="found")


def _header(text: str) -> tuple[str, str]:
    name, given, value = text.partition(":")
    if not given or not name.strip():
        message = f"{text!r} is not 'Name: value'"
        raise typer.BadParameter(message)
    return name.strip().lower(), value.strip()


def _body(path: Path) -> Callable[[str], bytes]:
    try:
        return body_from(path.read_text(encoding="utf-8"))
    except ValueError as error:
        message = f"{path}: {error}"
        raise typer.BadParameter(message) from error
