"""What the last whole run of ``tests/conformance/run.py`` has found."""

import json
from collections import Counter
from pathlib import Path
from typing import Any, Final

from references import table

FOLDER: Final = Path(__file__).parents[1] / "conformance"
ARMS: Final = ("direct", "off", "identity")
VERDICTS: Final = ("pass", "fail", "skip")


def tables(engine: str) -> str:
    """Tell of one engine: the counts in all and by API, and what had to be left out."""
    found: dict[str, Any] = json.loads((FOLDER / f"{engine}.json").read_text(encoding="utf-8"))
    total: dict[str, Counter[str]] = {arm: Counter() for arm in ARMS}
    for arms in found["groups"].values():
        for arm in ARMS:
            total[arm].update(arms[arm])
    rows = [(f"`{group}`", *_counts(arms)) for group, arms in sorted(found["groups"].items())]
    head = ("API", *(f"{arm}: {' / '.join(VERDICTS)}" for arm in ARMS))
    when = f"{found['date']}, {_minutes(found['seconds'])}"
    return "\n\n".join(
        [
            f"{found['suite']} on {found['engine']}, {when}.",
            table(head, ("**all**", *_counts(total)), *rows),
            _left_out(found["unstable"]),
            _differing(found["differing"]),
        ]
    )


def _counts(arms: dict[str, Any]) -> list[str]:
    return [" / ".join(str(arms[arm].get(verdict, 0)) for verdict in VERDICTS) for arm in ARMS]


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"


def _left_out(unstable: list[str]) -> str:
    if not unstable:
        return "The engine gave the same verdict on every case each time."
    listed = ", ".join(f"`{path}`" for path in unstable)
    return f"Left out, because the engine itself gives two verdicts: {listed}."


def _differing(differing: dict[str, Any]) -> str:
    if not differing:
        return "The proxy changed no verdict."
    return "The proxy changes: " + ", ".join(f"`{path}`" for path in differing) + "."
