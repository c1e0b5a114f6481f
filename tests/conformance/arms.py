"""The ways to the engine that are compared: direct, and through the proxy."""

import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from api_calls import Connection, Request, Response

from qrmiddleware_benchmarks.engines import probes
from qrmiddleware_benchmarks.processes import listening

SAID: Final = ("x-qrm-applied", "x-qrm-degraded")
_ERROR: Final = 400
HOST: Final = "127.0.0.1"
PIPELINES: Final[Mapping[str, Mapping[str, Any]]] = {
    "off": {},
    "identity": {
        "identity": {
            "timeout_ms": 10_000,  # on a busy machine, too, all of it is to be gone through
            "rewriters": [{"plugin": "identity"}],
            "filters": [{"plugin": "identity", "tag": "judge"}],
        }
    },
}
"""What stands under ``pipelines`` of each proxy, by the name of its arm."""

DIRECT: Final = "direct"
ARMS: Final = (DIRECT, *PIPELINES)


@dataclass(slots=True)
class Arm:
    """One way to the engine.

    Attributes:
        name: As in the report.
        url: Of the proxy, or of the engine itself.
        connection: To there.
        noted: Replies by what the proxy says of them in ``X-QRM-Applied`` and
            ``X-QRM-Degraded``, and by status if that is an error.
        asked: Targets of the requests.
    """

    name: str
    url: str
    connection: Connection
    noted: Counter[str] = field(default_factory=Counter[str])
    asked: list[str] = field(default_factory=list[str])

    def send(self, request: Request) -> Response:
        """Ask, and note what the proxy says it did."""
        self.asked.append(request.target)
        response = self.connection.send(request)
        said = (value for name in SAID for value in response.values(name))
        self.noted.update(noted(request.target, response.status, said))
        return response

    def forget(self) -> None:
        """Begin anew: no notes, and no connection that was closed while others were asked."""
        self.noted.clear()
        self.asked.clear()
        self.connection.close()


def noted(target: str, status: int, said: Iterable[str]) -> list[str]:
    """Add to what the proxy says of a reply where it may be an error: there, or in an item."""
    if status < _ERROR and not urlsplit(target).path.endswith("/_msearch"):
        return list(said)
    return [f"{each}, {'msearch' if status < _ERROR else status}" for each in said]


@contextmanager
def arms_before(engine_url: str, folder: Path) -> Iterator[dict[str, Arm]]:
    """Run a proxy for each arm that has one; yields all arms by name.

    Args:
        engine_url: The engine behind them.
        folder: For configuration files.
    """
    environment = _with_plugin(folder)
    with ExitStack() as stack:
        urls = {DIRECT: engine_url}
        for name, pipelines in PIPELINES.items():
            port = probes.free_port()
            settings = {
                "listen": {"host": HOST, "port": port},
                "admin": {"port": None},
                "upstream": {"urls": [engine_url], "timeout_ms": 120_000},
                "pipelines": pipelines,
                "log": {"level": "error"},
            }
            file = folder / f"{name}.yaml"
            file.write_text(json.dumps(settings), encoding="utf-8")  # JSON is YAML
            command = (str(Path(sys.executable).with_name("qrm")), "serve", "--config", str(file))
            stack.enter_context(listening(command, port, env=environment))
            urls[name] = f"http://{HOST}:{port}"
        arms = {name: Arm(name, url, Connection(url)) for name, url in urls.items()}
        for arm in arms.values():
            stack.callback(arm.connection.close)
        yield arms


def _with_plugin(folder: Path) -> dict[str, str]:
    """Describe the identity plugin as an installer would; returns where it is found."""
    described = folder / "qrm_conformance-1.dist-info"
    described.mkdir()
    (described / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: qrm-conformance\nVersion: 1\n", encoding="utf-8"
    )
    (described / "entry_points.txt").write_text(
        "[qrmiddleware]\nidentity = identity_plugin:Identity\n", encoding="utf-8"
    )
    places = (str(folder), str(Path(__file__).parent), os.environ.get("PYTHONPATH", ""))
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, places))}
