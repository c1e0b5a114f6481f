"""A plugin that changes nothing, and has every search taken apart and put together again."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from qrmiddleware import Hit, Query, Restriction, hookimpl


class Identity:
    """Restricts a search to all that there is, and keeps every hit that is found."""

    class Settings(BaseModel):
        """None."""

        model_config = ConfigDict(extra="forbid", frozen=True)

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @hookimpl
    def qrm_rewrite(self, query: Query) -> Sequence[Restriction]:
        return [Restriction(clause={"match_all": {}})]

    @hookimpl
    def qrm_filter(self, query: Query, hits: Sequence[Hit]) -> Sequence[bool]:
        return [True] * len(hits)
