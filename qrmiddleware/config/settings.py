"""What can be configured, with its defaults and bounds. ``docs/configuration.md`` lists it."""

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from qrmiddleware.dsl.uri import has_password, without_password

Port = Annotated[int, Field(ge=0, le=65_535)]
PositiveMs = Annotated[float, Field(gt=0)]


class Section(BaseModel):
    """A part of the file; an unknown key is an error."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        validate_default=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,  # it may hold a password
    )


_Model = TypeVar("_Model", bound=BaseModel)


def anchored(section: _Model, folder: Path) -> _Model:
    """Return a section whose relative paths start at ``folder``."""

    def anchor(value: object) -> object:
        if isinstance(value, Path):
            return folder / value.expanduser()
        return tuple(map(anchor, value)) if isinstance(value, tuple) else value

    return section.model_copy(update={name: anchor(value) for name, value in section})


class ListenSettings(Section):
    """``listen``: where the proxy serves."""

    host: str = "127.0.0.1"
    """Address to bind."""
    port: Port = 9250
    """Port to bind; 0 takes a free one."""
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    """Processes that serve the port together."""
    tls_cert: Path | None = None
    """Certificate chain (PEM), to serve HTTPS."""
    tls_key: Path | None = None
    """Its private key (PEM)."""

    @model_validator(mode="after")
    def _both_or_none(self) -> "ListenSettings":
        if (self.tls_cert is None) != (self.tls_key is None):
            problem = "tls_cert and tls_key go together"
            raise ValueError(problem)
        return self


class AdminSettings(Section):
    """``admin``: where health, metrics and pipelines are shown; not for the public."""

    host: str = "127.0.0.1"
    """Address to bind."""
    port: Port | None = 9251
    """Port to bind; 0 takes a free one, null switches it off. Worker n adds n to it."""


class UpstreamSettings(Section):
    """``upstream``: the cluster, or the embedded engine."""

    urls: tuple[str, ...] = ("http://localhost:9200",)
    """Nodes of the cluster; requests go round, and a dead node is left out for a while."""
    embedded: Path | bool = False
    """Use the embedded engine instead: a folder to keep its data in, or true for memory."""
    timeout_ms: PositiveMs = 30_000
    """Longest silence of a node, before its reply and in it; reads then go to another, once."""
    connect_timeout_ms: PositiveMs = 2_000
    """Longest wait for a connection."""
    connections_per_node: Annotated[int, Field(ge=1)] = 256
    """Connections kept to one node."""
    max_retries: Annotated[int, Field(ge=0, le=10)] = 2
    """Other nodes that are tried when one fails; a write only if the first got none of it."""
    verify_certs: bool = True
    """Check the nodes' certificates."""
    ca_certs: Path | None = None
    """Certificate authorities (PEM) to check them against, instead of the system's."""
    client_cert: Path | None = None
    """Certificate (PEM) to show the nodes."""
    client_key: Path | None = None
    """Its private key (PEM)."""
    username: str | None = None
    """User for requests that come without credentials of their own."""
    password: SecretStr | None = None
    """Their password; only as QRMIDDLEWARE_UPSTREAM__PASSWORD, never in the file."""
    password_file: Path | None = None
    """A file that holds it."""
    api_key: SecretStr | None = None
    """API key (encoded) for the same; only as QRMIDDLEWARE_UPSTREAM__API_KEY."""
    api_key_file: Path | None = None
    """A file that holds it."""

    @field_validator("urls", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("urls")
    @classmethod
    def _are_urls(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        if not urls:
            problem = "name at least one node, such as http://localhost:9200"
            raise ValueError(problem)
        for url in urls:
            if not url.startswith(("http://", "https://")):
                problem = f"{without_password(url)!r} is no http:// or https:// URL"
                raise ValueError(problem)
            if has_password(url):
                problem = (
                    "a URL is shown to many, and so is the password in it: set upstream.username, "
                    "and QRMIDDLEWARE_UPSTREAM__PASSWORD in the environment"
                )
                raise ValueError(problem)
        return urls

    @model_validator(mode="after")
    def _credentials(self) -> "UpstreamSettings":
        for key in ("password", "api_key"):
            if getattr(self, key) is not None and getattr(self, f"{key}_file") is not None:
                problem = f"give {key} or {key}_file, not both"
                raise ValueError(problem)
        by_password = self.password is not None or self.password_file is not None
        if (self.username is None) == by_password:
            problem = "username and password go together"
            raise ValueError(problem)
        if by_password and (self.api_key is not None or self.api_key_file is not None):
            problem = "give username and password, or api_key, not both"
            raise ValueError(problem)
        return self


class DebugSettings(Section):
    """``debug``: who is shown what a pipeline did with a search."""

    access: Literal["allowed", "token", "forbidden"] = "allowed"
    """Everybody who asks; only who sends the token as X-QRM-Debug-Token; nobody."""
    token: SecretStr | None = None
    """The token; only as QRMIDDLEWARE_DEBUG__TOKEN, never in the file."""
    token_file: Path | None = None
    """A file that holds it."""

    @model_validator(mode="after")
    def _one_token(self) -> "DebugSettings":
        given = (self.token is not None) + (self.token_file is not None)
        if given != (self.access == "token"):
            problem = (
                "access: token goes with one of token and token_file, and no other access does"
            )
            raise ValueError(problem)
        if self.token is not None and not self.token.get_secret_value():
            problem = "the token is empty"
            raise ValueError(problem)
        return self


class PluginSlot(BaseModel):
    """One plugin in its place; keys not named here are the plugin's own options."""

    model_config = ConfigDict(
        extra="allow", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )

    plugin: str
    """Entry-point name; ``qrm plugins`` lists them."""
    tag: str | None = None
    """Name in traces and metrics, if the plugin's own is not enough."""
    timeout_ms: PositiveMs | None = None
    """Longest time it may take, if less than its share of the search's."""
    ignore_failure: bool = True
    """Go on without it when it fails; false fails the search."""

    @property
    def options(self) -> dict[str, Any]:
        """The plugin's own options."""
        return dict(self.model_extra or {})


class FilterSlot(PluginSlot):
    """A filter plugin in its place."""

    action: Literal["demote", "drop"] = "demote"
    """Put the hits it flags below the others, or take them out."""


class RewardSlot(PluginSlot):
    """A reward plugin in its place."""

    weight: float = 1.0
    """Weight of its rewards, each plugin's normalised to 0..1."""


class MergeSettings(Section):
    """``merge``: how the rankings of several wordings become one. See ``docs/merging.md``."""

    policy: Literal["dis_max", "should", "rrf", "linear", "append", "quota"] = "dis_max"
    """In one query: dis_max, should. Of several searches: rrf, linear, append, quota."""
    boost: Annotated[float, Field(gt=0, le=10)] = 0.6
    """Weight of rewrites relative to the user's own wording."""
    tie_breaker: Annotated[float, Field(ge=0, le=1)] = 0.0
    """dis_max: share of the other wordings' scores that is added."""
    rank_constant: Annotated[int, Field(ge=1)] = 60
    """rrf: the larger, the less the first ranks stand out."""
    min_hits: Annotated[int, Field(ge=1, le=10_000)] = 10
    """append: rewrites are searched only if fewer hits were found."""
    places: Annotated[int, Field(ge=1)] = 3
    """quota: places out of ``per`` that go to rewrites."""
    per: Annotated[int, Field(ge=2)] = 10
    """quota: length of a block of places."""

    @model_validator(mode="after")
    def _leaves_room(self) -> "MergeSettings":
        if self.places >= self.per:
            problem = f"places ({self.places}) must be fewer than per ({self.per})"
            raise ValueError(problem)
        return self


class PipelineSettings(Section):
    """``pipelines.<name>``: what happens to the searches of some indices."""

    index: tuple[str, ...] = ("*",)
    """Index patterns of the URL that it serves; the first pipeline that matches all does."""
    timeout_ms: PositiveMs = 100
    """Time that all plugins together may add to a search."""
    rewriters: tuple[PluginSlot, ...] = ()
    """Plugins that are asked for rewrites, boosts and restrictions."""
    merge: MergeSettings = MergeSettings()
    max_rewrites: Annotated[int, Field(ge=0, le=64)] = 5
    """Rewrites admitted to one search, of all plugins together."""
    min_weight: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Rewrites of less weight are not admitted."""
    keep_identifiers: bool = True
    """Rewrites must keep the query's article numbers, EANs and model numbers."""
    rank_window_size: Annotated[int, Field(ge=1, le=10_000)] = 100
    """Hits that filter and reward plugins see, and that fusion ranks."""
    filters: tuple[FilterSlot, ...] = ()
    """Plugins that say which hits are relevant."""
    rewards: tuple[RewardSlot, ...] = ()
    """Plugins that rerank."""
    engine_weight: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the engine's own score beside the rewards, normalised like them."""
    fields: tuple[str, ...] = ()
    """Fields that plugins see of a hit; all if empty."""
    text_paths: tuple[str, ...] = ()
    """Dotted paths into the body where the user's text is looked for first."""
    rewrite_count: bool = True
    """Rewrite ``_count`` too, so that counts agree with searches."""
    attribution: bool = True
    """Know which wording found a hit, by named queries; off saves the engine some work."""

    @field_validator("index", "fields", "text_paths", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value


class LimitSettings(Section):
    """``limits``: bounds on what one request and all of them together may take."""

    max_body_bytes: Annotated[int, Field(ge=1_024)] = 10 * 2**20
    """Search bodies above this are passed through unread."""
    max_worker_bytes: Annotated[int, Field(ge=2**20)] | None = None
    """Memory above which a worker ends in order and is started again (Linux, 2 workers or more)."""
    max_under_way: Annotated[int, Field(ge=1)] = 512
    """Requests under way at a time in one process; above that they are refused with 429."""
    max_in_pipelines: Annotated[int, Field(ge=1)] = 128
    """Searches that pipelines work on at a time; above that they are passed on as they came."""
    client_timeout_ms: PositiveMs = 60_000
    """Longest wait for a request's headers, the next piece of its body, or a client to read on."""
    plugin_threads: Annotated[int, Field(ge=1, le=512)] = 16
    """Plugin calls that run at a time."""
    plugin_queue: Annotated[int, Field(ge=0)] = 64
    """Plugin calls that may wait; above that they are skipped."""
    breaker_failures: Annotated[int, Field(ge=1)] = 5
    """Failures in a row that switch a plugin off."""
    breaker_reset_ms: PositiveMs = 10_000
    """Time after which it is tried again."""
    drain_ms: PositiveMs = 30_000
    """On SIGTERM, time for running requests to end."""


class LogSettings(Section):
    """``log``: what is written to standard error."""

    format: Literal["console", "json"] = "console"
    """For people, or for machines."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least serious kind that is written."""
    access: bool = False
    """One line a request."""


class Settings(Section):
    """The whole file."""

    folder: Path = Path()
    """Where relative paths start; the file's own folder if not set."""
    listen: ListenSettings = ListenSettings()
    admin: AdminSettings = AdminSettings()
    upstream: UpstreamSettings = UpstreamSettings()
    pipelines: dict[str, PipelineSettings] = Field(default_factory=dict)
    limits: LimitSettings = LimitSettings()
    debug: DebugSettings = DebugSettings()
    log: LogSettings = LogSettings()

    @model_validator(mode="after")
    def _possible(self) -> "Settings":
        if self.listen.workers > 1 and self.upstream.embedded is not False:
            problem = "the embedded engine lives in one process: set listen.workers to 1"
            raise ValueError(problem)
        if self.limits.max_worker_bytes is not None and self.listen.workers == 1:
            problem = (
                "limits.max_worker_bytes needs others that serve while a worker is started "
                "again: set listen.workers to 2 or more"
            )
            raise ValueError(problem)
        if "_none" in self.pipelines:
            problem = "_none is how a request says it wants no pipeline; take another name"
            raise ValueError(problem)
        return self
