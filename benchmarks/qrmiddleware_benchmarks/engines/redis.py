"""Redis, in memory only."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from qrmiddleware_benchmarks.engines import account, probes
from qrmiddleware_benchmarks.engines.engine import Launch, Options, Service
from qrmiddleware_benchmarks.engines.errors import EngineError
from qrmiddleware_benchmarks.engines.programs import Program


@dataclass(frozen=True, slots=True)
class Redis(Program):
    """A Redis server that keeps nothing on disk."""

    def prepare(self, home: Path, options: Options) -> Launch:
        """Give the server its folder; all else is on its command line."""
        if options.security:
            message = "redis is started without TLS and password only: leave --security out"
            raise EngineError(message)
        account.hand_over(home)
        command = (
            *(self.executable(), "--bind", "127.0.0.1", "--port", str(options.port)),
            *("--dir", str(home), "--save", "", "--appendonly", "no", "--daemonize", "no"),
        )
        service = Service(command, partial(probes.redis_answers, options.port))
        return Launch((service,), f"redis://127.0.0.1:{options.port}")


REDIS = Redis("Redis, in memory only", ("redis-server",), "redis-server", 6379)
