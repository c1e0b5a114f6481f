"""Writes the parts of the documentation that say what the code says.

A page marks such a part:

    <!-- generated: hooks -->
    …
    <!-- end -->

``uv run python tests/docs/generate.py`` writes them all; with ``--check`` it only says which are
not up to date, and what would change.
"""

import difflib
import re
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

import commands
import conformance
import examples
import faults
import formats
import references
import students

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = sorted((ROOT / "docs").glob("*.md"))
PARTS: Final[Mapping[str, Callable[[], str]]] = {
    "settings": references.settings,
    "hooks": references.hooks,
    "values": references.values,
    "errors": references.errors,
    "metrics": references.metrics,
    "student runtime": references.student_runtime,
    "embedded engine": references.embedded_engine,
    "faults": faults.faults,
    "qrm": commands.qrm,
    "qrm-engines": commands.qrm_engines,
    "debug output": examples.debug_output,
    "asked by dis_max": examples.asked("dis_max"),
    "asked by should": examples.asked("should"),
    "asked by rrf": examples.asked("rrf"),
    "asked by linear": examples.asked("linear"),
    "asked by append": examples.asked("append"),
    "asked by quota": examples.asked("quota"),
    "asked for a bool": examples.asked_for_bool,
    "asked for a boost": examples.asked_for_boost,
    "formats": formats.formats,
    "students that can be": students.families,
    "student.json": students.manifest,
    "conformance of OpenSearch": partial(conformance.tables, "opensearch"),
    "conformance of Elasticsearch": partial(conformance.tables, "elasticsearch"),
    **{f"options of {name}": partial(formats.options, name) for name in formats.FORMATS},
}

_PART: Final = re.compile(r"(<!-- generated: (.+?) -->\n).*?(<!-- end -->)", re.DOTALL)
_MEASURED: Final = re.compile(r'("(?:duration_millis|rewrite|search|filter|reward)": )[\d.]+')


def written(page: str) -> str:
    """Return a page with all its generated parts anew; what only took another time stays."""

    def part(match: re.Match[str]) -> str:
        new = f"{match[1]}\n{PARTS[match[2]]().strip()}\n\n{match[3]}"
        return match[0] if _timeless(new) == _timeless(match[0]) else new

    return _PART.sub(part, page)


def _timeless(text: str) -> str:
    return _MEASURED.sub(r"\1…", text)


def main() -> int:
    """Write or check every page; returns the exit code."""
    stale = False
    for path in PAGES:
        old = path.read_text(encoding="utf-8")
        new = written(old)
        if new == old:
            continue
        if "--check" in sys.argv:
            names = (f"{path.name}, as it is", f"{path.name}, as the code has it")
            lines = difflib.unified_diff(old.splitlines(), new.splitlines(), *names, lineterm="")
            print(*lines, sep="\n")  # noqa: T201 a script's output
            stale = True
        else:
            path.write_text(new, encoding="utf-8")
    return int(stale)


if __name__ == "__main__":
    sys.exit(main())
