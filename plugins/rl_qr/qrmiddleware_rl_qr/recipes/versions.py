"""The versions of a student that goes on learning: which there are, and which one is served."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from qrmiddleware.errors import ConfigError

VERSIONS: Final = "versions"
VERSIONS_FILE: Final = "versions.jsonl"


class Version(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of WORK/versions/versions.jsonl.

    Attributes:
        number: Its folder in WORK/versions is ``0000`` and so on, a student's; 0 is the distilled
            one.
        before: That it began as.
        chosen: It is better than the one before on the guard's queries, or no worse than allowed.
        reason: Why it is not.
        reward: Mean of the rewrites that the version before drew in the round.
        components: Of this reward.
        guard: Mean reward on queries that it never learns from.
        guard_before: The same of the version before, measured in the same round.
        guard_components: Of ``guard``.
        queries: That were searched for in the round.
        pairs: Preferences, or responses, that it learnt from.
        dropped: Rewrites that were refused, and components that were not measured, by reason.
        stored: Precision of the student's weights.
    """

    number: int
    before: int = 0
    chosen: bool
    reason: str = ""
    reward: float | None = None
    components: dict[str, float] = {}
    guard: float | None = None
    guard_before: float | None = None
    guard_components: dict[str, float] = {}
    queries: int = 0
    pairs: int = 0
    dropped: dict[str, int] = {}
    stored: str = "int8"

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.number:04d}"


def read_versions(work: Path) -> list[Version]:
    """Return all versions, oldest first; none where nothing was learnt yet.

    Raises:
        ConfigError: If the file is damaged.
    """
    file = work / VERSIONS / VERSIONS_FILE
    if not file.is_file():
        return []
    found = []
    for number, line in enumerate(file.read_bytes().splitlines(), start=1):
        try:
            found.append(msgspec.json.decode(line, type=Version))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            message = f"{file}:{number}: is no version ({error}); remove the line"
            raise ConfigError(message) from error
    return found


def write_versions(work: Path, versions: Sequence[Version]) -> None:
    """Write all versions; the file is there only when it is whole."""
    file = work / VERSIONS / VERSIONS_FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.draft")
    draft.write_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in versions))
    draft.replace(file)


def newest_chosen(versions: Sequence[Version]) -> Version:
    """Return the version that is to be served.

    Raises:
        ConfigError: If there is none.
    """
    found = next((each for each in reversed(versions) if each.chosen), None)
    if found is None:
        message = "no version was chosen yet"
        raise ConfigError(message)
    return found


def student_folder(work: Path, version: Version) -> Path:
    """Return the folder of a version's student."""
    return work / VERSIONS / version.name
