"""Runs OpenSearch's own tests against it: direct, and through the proxy in several set-ups.

    uv run python tests/conformance/run.py            # some two minutes
    uv run python tests/conformance/run.py --whole    # every case
    uv run python tests/conformance/run.py --only 'search/10_.*'

Ends with exit code 1 if any case has another verdict through the proxy than directly.
"""

import argparse
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from api_calls import Connection, Request
from arms import DIRECT, Arm, arms_before
from findings import Findings, Verdicts, found, note, read_journal, write_findings
from selection import in_short_form
from wiping import wipe
from yaml_runner import Outcome, run_case
from yaml_suite import Case, Suite, read_suite

from qrmiddleware_benchmarks.engines import Engine, running
from qrmiddleware_benchmarks.engines.rest_api_spec import REST_API_SPEC

RESULT: Final = Path(__file__).with_name("opensearch.json")
REPEATS: Final = 10
_HEAP_MB: Final = 1024


@dataclass(frozen=True, slots=True)
class Bench:
    """What a case is run with.

    Attributes:
        suite: Where it is from.
        arms: The ways to the engine, by name.
        engine: A connection of our own, to clean up.
        version: Of the engine.
    """

    suite: Suite
    arms: dict[str, Arm]
    engine: Connection
    version: str

    def verdicts(self, case: Case) -> Verdicts:
        """Run a case by every arm; where they disagree, see whether the engine does."""
        began = time.perf_counter()
        outcomes = {name: self.outcome(case, arm) for name, arm in self.arms.items()}
        applied = {name: dict(arm.noted) for name, arm in self.arms.items() if arm.noted}
        again: list[Outcome] = []
        if len({outcome.verdict for outcome in outcomes.values()}) > 1:
            again = [self.outcome(case, self.arms[DIRECT]) for _ in range(REPEATS)]
        seconds = time.perf_counter() - began
        return Verdicts(case.group, case.path, outcomes, again, applied, seconds)

    def outcome(self, case: Case, arm: Arm) -> Outcome:
        """Run a case by one arm, and clean up after it."""
        arm.forget()
        outcome = run_case(case, self.suite, arm.send, version=self.version)
        if arm.asked:
            wipe(self.engine, arm.asked)
        return outcome


@contextmanager
def bench(suite: Suite) -> Iterator[Bench]:
    """Start the engine and the proxies."""
    with (
        running("opensearch", heap_mb=_HEAP_MB) as engine,
        tempfile.TemporaryDirectory(prefix="qrm-conformance-") as folder,
        arms_before(engine.url, Path(folder)) as arms,
    ):
        own = Connection(engine.url)
        yield Bench(suite, arms, own, version_of(engine))
        own.close()


def version_of(engine: Engine) -> str:
    """Ask an engine for its version."""
    version: str = Connection(engine.url).send(Request("GET", "/", {})).body["version"]["number"]
    return version


def run(cases: Sequence[Case], suite: Suite, journal: Path) -> Findings:
    """Run cases by all arms; those that the journal holds are not run again."""
    done = {each.path for each in read_journal(journal)} if journal.exists() else set[str]()
    with bench(suite) as ready:
        for number, case in enumerate(cases, 1):
            if case.path not in done:
                each = ready.verdicts(case)
                note(each, journal)
                tell(f"{number}/{len(cases)} {each.summary}  {case.path}", lasting=each.differs)
        wanted = {case.path for case in cases}
        return found(
            [each for each in read_journal(journal) if each.path in wanted],
            suite=f"rest-api-spec {REST_API_SPEC.version}",
            engine=f"OpenSearch {ready.version}",
            date=datetime.now(UTC).date().isoformat(),
        )


def tell(line: str, *, lasting: bool) -> None:
    """Show progress: on a terminal in one line, but for what should stay to be read."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{line[:110]}" + "\n" * lasting)
    elif lasting:
        sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def main() -> int:
    """Run what the command line says; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--whole", action="store_true", help="every case, not only the short form's"
    )
    parser.add_argument("--only", default="", help="cases whose path this pattern fits")
    parser.add_argument("--journal", type=Path, help="go on where a run with this file broke off")
    parser.add_argument("--keep", type=Path, help=f"keep what was found, such as in {RESULT.name}")
    options = parser.parse_args()
    if not REST_API_SPEC.fetched():
        REST_API_SPEC.fetch(install=False, verbose=False)
    suite = read_suite(REST_API_SPEC.jar)
    cases = [
        case
        for case in suite.cases
        if re.match(options.only, case.path)
        and (options.whole or options.only or in_short_form(case))
    ]
    with tempfile.TemporaryDirectory(prefix="qrm-conformance-") as folder:
        findings = run(cases, suite, options.journal or Path(folder) / "journal.jsonl")
    if options.keep:
        write_findings(findings, options.keep)
    print(findings.summary())  # noqa: T201 a script's output
    return 1 if findings.problems() else 0


if __name__ == "__main__":
    sys.exit(main())
