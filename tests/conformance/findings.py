"""What a run of the suite has found, and whether the proxy stands the test."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec
from arms import ARMS, DIRECT
from yaml_runner import Outcome

Counts: TypeAlias = dict[str, int]
MARKS: Final = {"pass": ".", "fail": "F", "skip": "s"}


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What became of one case.

    Attributes:
        group: The API that it tests.
        path: The case.
        outcomes: By arm.
        again: Where the arms disagree: what the engine itself said when asked again.
        applied: Replies by what the proxy said of them, by arm.
        seconds: How long all that took.
    """

    group: str
    path: str
    outcomes: Mapping[str, Outcome]
    again: Sequence[Outcome] = ()
    applied: Mapping[str, Counts] = field(default_factory=dict[str, Counts])
    seconds: float = 0.0

    @property
    def stable(self) -> bool:
        """Whether the engine itself always gave the same verdict."""
        return not self.doubt

    @property
    def doubt(self) -> str:
        """The engine's reason for another verdict than its first; empty if it gave one only."""
        first = self.outcomes[DIRECT].verdict
        others = (f"{each.verdict} {each.reason}" for each in self.again if each.verdict != first)
        return next(others, "")

    @property
    def differs(self) -> bool:
        """Whether the proxy made a difference."""
        return self.stable and len({each.verdict for each in self.outcomes.values()}) > 1

    @property
    def summary(self) -> str:
        """All verdicts, a character each."""
        return "".join(MARKS[each.verdict] for each in (*self.outcomes.values(), *self.again))


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """One run.

    Attributes:
        suite: Name and version of the suite.
        engine: Name and version of the engine.
        date: When, in UTC, ISO 8601.
        seconds: How long all cases took by all arms.
        groups: By API and arm, how many cases passed, failed and were skipped.
        unstable: Cases of which the engine itself gives two verdicts, with its other reason;
            they are counted nowhere else.
        failing: Cases that the engine itself fails, with the reason.
        differing: Cases of which the proxy changes the verdict, with the arms' reasons.
        applied: By arm, replies by what the proxy says that it did, or had to leave; with the
            status, where that is an error, and ``msearch``, where an item may be one.
    """

    suite: str
    engine: str
    date: str
    seconds: float
    groups: dict[str, dict[str, Counts]]
    unstable: dict[str, str] = field(default_factory=dict[str, str])
    failing: dict[str, str] = field(default_factory=dict[str, str])
    differing: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    applied: dict[str, Counts] = field(default_factory=dict[str, Counts])

    def totals(self, arm: str) -> Counts:
        """Count an arm's verdicts over all groups."""
        total: Counter[str] = Counter()
        for arms in self.groups.values():
            total.update(arms[arm])
        return dict(total)

    @property
    def rewrote(self) -> bool:
        """Whether the identity pipeline had anything to do."""
        return any("rewrite" in said for said in self.applied.get("identity", {}))

    def problems(self) -> list[str]:
        """Say what must not be: verdicts that the proxy changes, rendered searches refused."""
        wrong = [
            f"{path}\n" + "\n".join(f"    {arm}: {reason}" for arm, reason in arms.items())
            for path, arms in self.differing.items()
        ]
        wrong += [
            f"the {arm} pipeline was not gone through: {said}, {count} times"
            for arm, counts in self.applied.items()
            for said, count in counts.items()
            if "=" in said and "," not in said
        ]
        return wrong

    def summary(self) -> str:
        """Say in a few lines what was found."""
        counts = [f"{arm}: {_told(self.totals(arm))}" for arm in ARMS]
        noted = [f"{arm} said: {_told(said)}" for arm, said in self.applied.items() if said]
        unstable = [f"unstable: {path}: {why}" for path, why in self.unstable.items()]
        head = f"{self.suite} on {self.engine}, {self.seconds:.0f} s"
        return "\n".join([head, *counts, *noted, *unstable])


def _told(counts: Counts) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def found(verdicts: Sequence[Verdicts], **told: Any) -> Findings:
    """Sum up what became of every case.

    Args:
        verdicts: Of every case.
        told: What else ``Findings`` holds.
    """
    applied: dict[str, Counter[str]] = {}
    for each in verdicts:
        for arm, counts in each.applied.items():
            applied.setdefault(arm, Counter()).update(counts)
    settled = [each for each in verdicts if each.stable]
    groups: dict[str, dict[str, Counter[str]]] = {}
    for each in settled:
        group = groups.setdefault(each.group, {arm: Counter() for arm in ARMS})
        for arm in ARMS:
            group[arm][each.outcomes[arm].verdict] += 1
    return Findings(
        groups={
            group: {arm: dict(counts) for arm, counts in arms.items()}
            for group, arms in groups.items()
        },
        unstable={each.path: each.doubt for each in verdicts if not each.stable},
        failing={
            each.path: each.outcomes[DIRECT].reason
            for each in settled
            if each.outcomes[DIRECT].verdict == "fail"
        },
        differing={
            each.path: {
                arm: f"{outcome.verdict} {outcome.reason}" for arm, outcome in each.outcomes.items()
            }
            for each in settled
            if each.differs
        },
        applied={arm: dict(counts) for arm, counts in applied.items()},
        seconds=round(sum(each.seconds for each in verdicts)),
        **told,
    )


def note(verdicts: Verdicts, journal: Path) -> None:
    """Add one case to a journal."""
    with journal.open("ab") as file:
        file.write(msgspec.json.encode(verdicts) + b"\n")


def read_journal(journal: Path) -> list[Verdicts]:
    """Read what ``note`` wrote."""
    return [msgspec.json.decode(line, type=Verdicts) for line in journal.read_bytes().splitlines()]


def write_findings(findings: Findings, path: Path) -> None:
    """Keep them as JSON."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(findings), indent=1) + b"\n")


def read_findings(path: Path) -> Findings:
    """Read what ``write_findings`` wrote."""
    return msgspec.json.decode(path.read_bytes(), type=Findings)
