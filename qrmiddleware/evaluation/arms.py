"""The systems that are compared: where each is, and what it is asked."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from qrmiddleware.errors import ConfigError
from qrmiddleware.evaluation.collection import JudgedQueries
from qrmiddleware.evaluation.templates import SearchTemplate, body_template, fields_template
from qrmiddleware.upstream.tls import TlsOptions

PIPELINE: Final = "qrm_pipeline"
_SHOWN_HEADERS: Final = "x-qrm-"


def _listed(value: object) -> object:
    """Read ``a, b`` as two."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


class ArmSettings(BaseModel):
    """An arm as it is written down, on the command line or in a file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1)]
    """In reports."""
    url: Annotated[str, Field(pattern=r"^https?://[^/]")]
    """Of the index, such as ``http://localhost:9200/products``; its parameters go along."""
    pipeline: str = ""
    """Of a qrm proxy: a name, or ``_none`` for the engine alone."""
    headers: dict[str, str] = {}
    """Sent with each search."""
    fields: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    """For a ``multi_match``, with boosts."""
    type: str = ""
    """Of the ``multi_match``."""
    operator: str = ""
    """Of the ``multi_match``."""
    body: Path | None = None
    """Search body with ``{{query}}`` in it, instead of fields."""
    trained_on: Annotated[tuple[int, ...], BeforeValidator(_listed)] = ()
    """Folds that a model of this arm has seen."""
    api_key_env: str = ""
    """Environment variable that holds an API key."""
    ca_certs: Path | None = None
    """PEM file of who vouches for the server."""
    verify_certs: bool = True
    """Refuse certificates that nobody vouches for."""
    version: str = ""
    """What determines this arm's answers beside its index: changes with rules and models."""


@dataclass(frozen=True, slots=True)
class Arm:
    """An arm, ready to be asked.

    Attributes:
        name: In reports.
        url: Scheme, host, port and the path of its index; may hold credentials.
        parameters: Of the search URL, encoded.
        headers: Sent with each search, names in lower case.
        template: What to ask.
        pipeline: That a qrm proxy is told to use; empty for none.
        seen_folds: What its models were trained on.
        authorization: ``Authorization`` to send; empty for none.
        tls: Whom to trust.
        version: What the user says determines its answers; empty if they say nothing.
    """

    name: str
    url: str
    parameters: str
    headers: tuple[tuple[str, str], ...]
    template: SearchTemplate
    pipeline: str = ""
    seen_folds: tuple[int, ...] = ()
    authorization: str = ""
    tls: TlsOptions = field(default_factory=TlsOptions)
    version: str = ""

    @property
    def target(self) -> str:
        """Of a search, below ``url``."""
        return "/_search" + (f"?{self.parameters}" if self.parameters else "")

    @property
    def shown_url(self) -> str:
        """The URL without credentials."""
        parts = urlsplit(self.url)
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))

    @property
    def asked(self) -> str:
        """What is asked, for people; values of headers that may be secret are not in it."""
        headers = [
            f"{name}: {value}" if name.startswith(_SHOWN_HEADERS) else name
            for name, value in self.headers
        ]
        parts = (f"{self.shown_url}{self.target}", *headers, self.template.origin)
        return "; ".join(parts)


@dataclass(frozen=True, slots=True)
class Defaults:
    """What an arm has that does not say otherwise.

    Attributes:
        fields: For a ``multi_match``.
        match_type: Of the ``multi_match``.
        operator: Of the ``multi_match``.
        body: Search body instead.
        api_key_env: Environment variable that holds an API key.
        ca_certs: PEM file of who vouches for servers.
    """

    fields: tuple[str, ...] = ()
    match_type: str = "best_fields"
    operator: str = ""
    body: Path | None = None
    api_key_env: str = ""
    ca_certs: Path | None = None


def parse_arm(text: str) -> ArmSettings:
    """Read the short form: ``NAME=URL``, then ``;key=value`` as often as needed.

    Raises:
        ConfigError: Naming the key that is wrong.
    """
    first, *options = (part.strip() for part in text.split(";"))
    name, equals, url = first.partition("=")
    if not equals or "://" in name:
        message = f"--arm {text!r}: begin with its name: --arm 'NAME=http://localhost:9200/INDEX'"
        raise ConfigError(message)
    tree: dict[str, Any] = {"name": name.strip(), "url": url.strip(), "headers": {}}
    for option in filter(None, options):
        key, equals, value = (part.strip() for part in option.partition("="))
        if not equals:
            message = f"--arm {name}: {option!r} is no key=value"
            raise ConfigError(message)
        if key == "header":
            tree["headers"] |= _header(name, value)
        elif key in tree:
            message = f"--arm {name}: {key} is there twice"
            raise ConfigError(message)
        else:
            tree[key] = value
    return _validated(tree, f"--arm {name}", "")


def read_arms(path: Path) -> list[ArmSettings]:
    """Read the long form: a YAML file with a list ``arms``.

    Raises:
        ConfigError: Naming the key that is wrong.
    """
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        message = f"{path}: {error.strerror}"
        raise ConfigError(message) from error
    except (yaml.YAMLError, ValueError) as error:
        message = f"{path}: not YAML: {error}"
        raise ConfigError(message) from error
    arms = tree.get("arms") if isinstance(tree, dict) else None
    if not isinstance(arms, list) or not arms or len(tree) > 1:
        message = f"{path}: expected one key, arms, with a list of arms such as {{name: …, url: …}}"
        raise ConfigError(message)
    settings = [_validated(arm, str(path), f"arms.{place}") for place, arm in enumerate(arms)]
    return [
        arm.model_copy(
            update={
                key: path.absolute().parent / named
                for key in ("body", "ca_certs")
                if (named := getattr(arm, key)) is not None
            }
        )
        for arm in settings
    ]


def make_arms(
    settings: Sequence[ArmSettings],
    defaults: Defaults,
    *,
    environment: Mapping[str, str] = os.environ,
) -> tuple[Arm, ...]:
    """Make arms ready; the first is what the others are compared with.

    Raises:
        ConfigError: If two have one name, one has nothing to ask, or a file cannot be read.
    """
    if not settings:
        message = "there is no arm: name at least one, --arm 'NAME=http://localhost:9200/INDEX'"
        raise ConfigError(message)
    names = [arm.name for arm in settings]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        message = f"two arms are called {twice}: each needs a name of its own"
        raise ConfigError(message)
    return tuple(_arm(each, defaults, environment) for each in settings)


def refuse_leaks(arms: Sequence[Arm], judged: JudgedQueries) -> None:
    """Make sure that no arm is measured on what its models have seen.

    Raises:
        LeakError: If one would be.
    """
    for arm in arms:
        judged.refuse_leaks(arm.seen_folds, model=f"arm {arm.name}")


def _arm(settings: ArmSettings, defaults: Defaults, environment: Mapping[str, str]) -> Arm:
    url, parameters = _endpoint(settings.url)
    if settings.pipeline:
        parameters = [(key, value) for key, value in parameters if key != PIPELINE]
        parameters.append((PIPELINE, settings.pipeline))
    ca_certs = settings.ca_certs or defaults.ca_certs
    return Arm(
        settings.name,
        url,
        urlencode(parameters, quote_via=quote),
        tuple((name.lower(), value) for name, value in settings.headers.items()),
        _template(settings, defaults),
        dict(parameters).get(PIPELINE, ""),
        settings.trained_on,
        _authorization(settings, defaults, environment),
        TlsOptions(
            verify_certs=settings.verify_certs, ca_certs=None if ca_certs is None else str(ca_certs)
        ),
        settings.version,
    )


def _endpoint(url: str) -> tuple[str, list[tuple[str, str]]]:
    """Split a URL of an index, or of its ``_search``, from its parameters."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/").removesuffix("/_search").rstrip("/")
    bare = urlunsplit(parts._replace(path=path, query="", fragment=""))
    return bare, parse_qsl(parts.query, keep_blank_values=True)


def _template(settings: ArmSettings, defaults: Defaults) -> SearchTemplate:
    body, fields = settings.body, settings.fields
    if body is None and not fields:
        body, fields = defaults.body, defaults.fields
    if body is not None and fields:
        message = f"arm {settings.name}: both a body and fields: choose one"
        raise ConfigError(message)
    if body is not None:
        return body_template(body)
    if not fields:
        message = (
            f"arm {settings.name}: nothing to ask: give --fields title^2,description or --body"
        )
        raise ConfigError(message)
    try:
        return fields_template(
            fields,
            match_type=settings.type or defaults.match_type,
            operator=settings.operator or defaults.operator,
        )
    except ConfigError as error:
        message = f"arm {settings.name}: {error}"
        raise ConfigError(message) from error


def _authorization(
    settings: ArmSettings, defaults: Defaults, environment: Mapping[str, str]
) -> str:
    name = settings.api_key_env or defaults.api_key_env
    if not name:
        return ""
    if not environment.get(name):
        message = f"arm {settings.name}: api_key_env: there is no environment variable {name}"
        raise ConfigError(message)
    return f"ApiKey {environment[name]}"


def _header(arm: str, text: str) -> dict[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        message = f"--arm {arm}: header: {text!r} is no 'Name: value'"
        raise ConfigError(message)
    return {name.strip(): value.strip()}


def _validated(tree: object, origin: str, prefix: str) -> ArmSettings:
    try:
        return ArmSettings.model_validate(tree)
    except ValidationError as error:
        problems = [
            _described(problem["loc"], problem["msg"], prefix)
            for problem in error.errors(include_url=False)
        ]
        raise ConfigError("\n".join(f"{origin}: {problem}" for problem in problems)) from error


def _described(location: Sequence[str | int], message: str, prefix: str) -> str:
    key = ".".join(filter(None, (prefix, *map(str, location))))
    if message.startswith("Extra inputs"):
        message = f"unknown key; known are: {', '.join(sorted(ArmSettings.model_fields))}"
    elif location == ("url",) and message.startswith("String should match"):
        message = "not a URL such as http://localhost:9200/products"
    return f"{key}: {message}" if key else message
