"""The commands that start the servers we compare."""

import sys
from pathlib import Path

HERE = Path(__file__).parent


def uvicorn(app: str, port: int) -> list[str]:
    """Serve an ASGI application of this folder, such as ``"probe:application"``."""
    options = "--loop uvloop --http httptools --no-access-log --log-level warning"
    command = [sys.executable, "-m", "uvicorn", app, "--app-dir", str(HERE)]
    return [*command, *options.split(), "--port", str(port)]


def granian(interface: str, app: str, port: int) -> list[str]:
    """Serve an application of this folder through ``"asgi"`` or ``"rsgi"``."""
    options = f"--interface {interface} --loop uvloop --http 1 --no-ws --log-level warning"
    command = [sys.executable, "-m", "granian", app, "--working-dir", str(HERE)]
    return [*command, *options.split(), "--port", str(port)]


def aiohttp_web(module: str, port: int) -> list[str]:
    """Run a module of this folder that serves itself."""
    return [sys.executable, str(HERE / f"{module}.py"), str(port)]
