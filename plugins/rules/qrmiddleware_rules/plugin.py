"""``plugin: rules``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from qrmiddleware import Proposal, Query, hookimpl
from qrmiddleware_rules.live import LiveRules
from qrmiddleware_rules.ruleset import RuleSet, Selection, read_rule_set


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str | Path) else value


_Paths = Annotated[tuple[Path, ...], BeforeValidator(_as_list)]


class Rules:
    """Proposes what hand-written rules say: synonyms, boosts, filters, other words."""

    class Settings(BaseModel):
        """Options of ``plugin: rules``."""

        model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

        path: _Paths = ()
        """Files with rules in Querqy's rules.txt format: one, or a list that counts as one file."""

        replace: _Paths = ()
        """Files with replace rules; they change the query before the rules see it."""

        ignore_case: bool = True
        """Whether upper and lower case are the same when a query is matched."""

        limit: Annotated[int, Field(ge=1, le=100)] = 10
        """Rewrites proposed per query beside the one that replaces it; boosts and filters
        are not counted."""

        where: dict[str, Any] = {}
        """Properties that select rules: ``{tenant: t1}`` leaves out rules for other tenants."""

        sort: Annotated[str, Field(pattern=r"^\S+ (asc|desc)$")] | None = None
        """Property to order matching rules by, such as ``priority desc``."""

        max_rules: Annotated[int, Field(ge=1, le=1000)] = 100
        """Matching rules that are applied, after sorting; the rest are ignored."""

        @model_validator(mode="after")
        def _needs_a_file(self) -> "Rules.Settings":
            if not self.path and not self.replace:
                message = "name a rule file in 'path', or a file of replace rules in 'replace'"
                raise ValueError(message)
            return self

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._rules: LiveRules | None = None

    @property
    def instant(self) -> bool:
        """Whether the next answer takes microseconds: not when files are looked at again."""
        return self._rules is not None and not self._rules.due

    @hookimpl
    def qrm_startup(self) -> None:
        """Read the files; raises ``ConfigError`` with every error in them."""
        settings = self._settings
        self._rules = LiveRules((*settings.path, *settings.replace), self._read)

    @hookimpl
    def qrm_rewrite(self, query: Query) -> Sequence[Proposal] | None:
        """Propose what the rules say about the query."""
        if self._rules is None:
            message = "qrm_startup has not been called"
            raise RuntimeError(message)
        return self._rules.current().propose(query.text, limit=self._settings.limit) or None

    def _read(self) -> RuleSet:
        settings = self._settings
        sort = None
        if settings.sort is not None:
            name, _, order = settings.sort.partition(" ")
            sort = name, order == "desc"
        return read_rule_set(
            settings.path,
            settings.replace,
            ignore_case=settings.ignore_case,
            selection=Selection(settings.where, sort, settings.max_rules),
        )
