"""Chromium without a window, driven over its debugging port."""

from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path

from qrmiddleware_benchmarks.engines import account, probes
from qrmiddleware_benchmarks.engines.engine import Launch, Options, Service
from qrmiddleware_benchmarks.engines.errors import EngineError
from qrmiddleware_benchmarks.engines.programs import Program


@dataclass(frozen=True, slots=True)
class Chromium(Program):
    """A headless browser; ``/json/version`` under its URL names the WebSocket to drive it."""

    def prepare(self, home: Path, options: Options) -> Launch:
        """Give the browser a profile of its own."""
        if options.security:
            message = "chromium has no TLS or password of its own: leave --security out"
            raise EngineError(message)
        account.hand_over(home)
        command = (
            self.executable(),
            "--headless=new",
            "--no-sandbox",  # containers rarely allow the sandbox, and pages are our own
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            f"--user-data-dir={home}/profile",
            f"--remote-debugging-port={options.port}",
        )
        url = f"http://127.0.0.1:{options.port}"
        environment = {
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_CACHE_HOME": str(home / "cache"),
        }
        return Launch((Service(command, partial(_answers, url), environment),), url)


CHROMIUM = Chromium(
    "Chromium without a window", ("chromium", "chromium-browser", "google-chrome"), "chromium", 9222
)


def _answers(url: str) -> bool:
    status, _ = probes.get(f"{url}/json/version")
    return status == HTTPStatus.OK
