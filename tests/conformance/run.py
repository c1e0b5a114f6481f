"""Holds the proxy against other people's tests: they must end through it as they end directly.

    uv run python tests/conformance/run.py            # some two minutes
    uv run python tests/conformance/run.py --whole    # every case
    uv run python tests/conformance/run.py --only 'search/10_.*'

OpenSearch is asked what its own YAML tests ask, Elasticsearch what ours ask by elasticsearch-py.
Ends with exit code 1 if any case has another verdict through the proxy than directly.
"""

import argparse
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Final

from api_calls import Connection, Request
from arms import DIRECT, Arm, arms_before
from client_session import compare
from findings import Findings, Verdicts, found, note, read_journal, write_findings
from selection import in_short_form
from wiping import wipe
from yaml_runner import Outcome, run_case
from yaml_suite import Case, Suite, read_suite

from qrmiddleware_benchmarks.engines import running
from qrmiddleware_benchmarks.engines.rest_api_spec import REST_API_SPEC

RESULTS: Final = {
    name: Path(__file__).with_name(f"{name}.json") for name in ("opensearch", "elasticsearch")
}
"""Where the findings on an engine are kept."""

REPEATS: Final = 10
_HEAP_MB: Final = 1024
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 each engine makes a folder of its own there
_ROOM_BYTES: Final = 2**30


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
def engine_and_arms(name: str) -> Iterator[tuple[Connection, dict[str, Arm], str]]:
    """Start an engine and the proxies; yields a connection to clean up, the arms, its version."""
    with (
        running(name, heap_mb=_HEAP_MB, data=in_memory()) as engine,
        tempfile.TemporaryDirectory(prefix="qrm-conformance-") as folder,
        arms_before(engine.url, Path(folder)) as arms,
        closing(Connection(engine.url)) as own,
    ):
        nodes = own.send(Request("GET", "/_nodes/_local", {})).body["nodes"]
        yield own, arms, next(iter(nodes.values()))["version"]


def in_memory() -> Path | None:
    """Return a folder in memory, if there is one with room: every case makes and drops indices."""
    roomy = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM_BYTES
    return _MEMORY if roomy else None


def run_suite(cases: Sequence[Case], suite: Suite, journal: Path) -> Findings:
    """Run YAML cases against OpenSearch; those that the journal holds are not run again."""
    done = {each.path for each in read_journal(journal)} if journal.exists() else set[str]()
    with engine_and_arms("opensearch") as (own, arms, version):
        bench = Bench(suite, arms, own, version)
        for number, case in enumerate(cases, 1):
            if case.path not in done:
                each = bench.verdicts(case)
                note(each, journal)
                tell(f"{number}/{len(cases)} {each.summary}  {case.path}", lasting=each.differs)
    wanted = {case.path for case in cases}
    verdicts = [each for each in read_journal(journal) if each.path in wanted]
    return findings_of(verdicts, f"rest-api-spec {REST_API_SPEC.version}", f"OpenSearch {version}")


def run_client_cases() -> Findings:
    """Run the cases of elasticsearch-py against Elasticsearch."""
    with engine_and_arms("elasticsearch") as (own, arms, version):
        verdicts = compare(arms, own)
    suite = f"elasticsearch-py {metadata.version('elasticsearch')}"
    return findings_of(verdicts, suite, f"Elasticsearch {version}")


def findings_of(verdicts: Sequence[Verdicts], suite: str, engine: str) -> Findings:
    """Sum up, with today's date."""
    return found(verdicts, suite=suite, engine=engine, date=datetime.now(UTC).date().isoformat())


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
    parser.add_argument("--whole", action="store_true", help="every case of the suite")
    parser.add_argument("--only", default="", help="cases of the suite whose path fits")
    parser.add_argument("--engine", choices=RESULTS, help="this engine only")
    parser.add_argument("--journal", type=Path, help="go on where a run with this file broke off")
    parser.add_argument("--keep", action="store_true", help="for the page of the documentation")
    options = parser.parse_args()
    wrong = False
    for engine, result in RESULTS.items():
        if options.engine in {None, engine}:
            findings = run_client_cases() if engine == "elasticsearch" else run_chosen(options)
            problems = findings.problems()
            if not (findings.rewrote or options.only):
                problems.append("the identity pipeline rewrote no search")
            print(findings.summary(), *problems, sep="\n")  # noqa: T201 a script's output
            wrong = wrong or bool(problems)
            if options.keep:
                write_findings(findings, result)
    return int(wrong)


def run_chosen(options: argparse.Namespace) -> Findings:
    """Run the cases of the suite that the command line wants; the short form's, if it says none."""
    if not REST_API_SPEC.fetched():
        REST_API_SPEC.fetch(install=False, verbose=False)
    suite = read_suite(REST_API_SPEC.jar)
    chosen = options.whole or options.only
    fitting = re.compile(options.only)
    cases = [
        case for case in suite.cases if fitting.match(case.path) and (chosen or in_short_form(case))
    ]
    with tempfile.TemporaryDirectory(prefix="qrm-conformance-") as folder:
        return run_suite(cases, suite, options.journal or Path(folder) / "journal")


if __name__ == "__main__":
    sys.exit(main())
