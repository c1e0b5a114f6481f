"""Which engines run: one file each, beside their data, for ``status`` and ``stop``."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import TypeAdapter

from qrmiddleware_benchmarks.engines import folders
from qrmiddleware_benchmarks.engines.engine import Engine

_NAME = "engine.json"


def write(engine: Engine, home: Path) -> None:
    """Note that an engine runs from this folder; the note is for our account's eyes only."""
    file = home / _NAME
    file.touch(mode=0o600)
    file.write_bytes(TypeAdapter(Engine).dump_json(engine, indent=1))


def running_engines() -> Iterator[Engine]:
    """Yield the engines that still run, whoever started them."""
    for file in sorted(folders.run_folder().glob(f"*/{_NAME}")):
        engine = TypeAdapter(Engine).validate_json(file.read_bytes())
        if engine.pids():
            yield engine
        else:
            file.unlink()


def forget(engine: Engine) -> None:
    """Drop the note about an engine that was stopped."""
    if engine.log is not None:
        (engine.log.parent / _NAME).unlink(missing_ok=True)
