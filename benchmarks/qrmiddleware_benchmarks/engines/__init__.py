"""Real engines on this machine: fetched, started, waited for and stopped.

with running("elasticsearch") as engine:
    client = Elasticsearch(engine.url)
"""

from qrmiddleware_benchmarks.engines.engine import Engine, Options
from qrmiddleware_benchmarks.engines.errors import EngineError, EngineMissingError
from qrmiddleware_benchmarks.engines.registry import (
    ENGINES,
    lent_engine,
    require,
    running,
    start_engine,
    stop_engine,
)

__all__ = [
    "ENGINES",
    "Engine",
    "EngineError",
    "EngineMissingError",
    "Options",
    "lent_engine",
    "require",
    "running",
    "start_engine",
    "stop_engine",
]
