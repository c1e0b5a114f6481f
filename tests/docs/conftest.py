"""Pages, their fenced blocks, and a shell to try them in."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
STORIES: Final = ("tutorial.md", "write_a_plugin.md", "evaluation.md", "train_a_student.md")
"""Pages whose blocks are tried one after the other; ``sh`` blocks are only shown."""

NEED_TORCH: Final = ("train_a_student.md",)
"""Of these stories, those that only ``nox -s students`` tells."""

_FENCE: Final = re.compile(
    r"(?:^<!-- test: (?P<note>\w+) -->\n)?"
    r"^(?P<indent> *)```(?P<language>\w+) ?(?P<name>\S*)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_BASH: Final = shutil.which("bash") or "bash"
_TIMEOUT_S: Final = 600  # of one block: trainings take longest
_DEFAULT_PORTS: Final = {"9250": "listen", "9251": "admin"}


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        language: What stands behind the fence.
        name: The file that it is, if it is one.
        text: Its lines.
        line: Where it begins.
        note: What the page tells its test: ``stop`` stops the server first.
    """

    language: str
    name: str
    text: str
    line: int
    note: str


@dataclass(frozen=True)
class Page:
    """A page of the documentation."""

    path: Path
    text: str

    @property
    def name(self) -> str:
        """Path from the repository's root."""
        return str(self.path.relative_to(ROOT))

    def blocks(self, *languages: str) -> list[Block]:
        """Return its fenced blocks in these languages, or all."""
        found = [
            Block(
                match["language"],
                match["name"],
                dedent(match["text"]),
                self.text.count("\n", 0, match.start()) + 1,
                match["note"] or "",
            )
            for match in _FENCE.finditer(self.text)
        ]
        return [block for block in found if not languages or block.language in languages]


def _page(path: Path) -> Page:
    return Page(path, path.read_text(encoding="utf-8"))


@pytest.fixture(params=PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def page(request) -> Page:
    """Every page."""
    return _page(request.param)


@pytest.fixture(
    params=[
        pytest.param(name, marks=[pytest.mark.students] if name in NEED_TORCH else [])
        for name in STORIES
    ]
)
def story(request) -> Page:
    """Every page that is tried from top to bottom."""
    if request.param in NEED_TORCH:
        pytest.importorskip("torch", reason="needs torch: nox -s students")
    return _page(ROOT / "docs" / request.param)


@pytest.fixture(
    params=[path for path in PAGES if path.name not in STORIES],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def reference(request) -> Page:
    """Every other page; only its programs are run."""
    return _page(request.param)


@pytest.fixture
def shell(tmp_path) -> Iterator["Shell"]:
    """A shell in an empty folder."""
    with ExitStack() as stack:
        yield Shell(tmp_path, stack)


class Shell:
    """Does what a reader does: makes files, types commands, starts the server and stops it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._stack = stack
        self._server = ExitStack()
        stack.push(self._server)
        self._folder = folder / "reader"
        self._folder.mkdir()
        self._state = folder / "state"
        self._state.mkdir()
        self._ports = {default: str(_free_port()) for default in _DEFAULT_PORTS}
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("QRMIDDLEWARE_")}
        self._environment = {
            **inherited,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{inherited['PATH']}",
            "COLUMNS": "100",
            "NO_COLOR": "1",
            "TERM": "dumb",
        }
        for default, section in _DEFAULT_PORTS.items():
            self._environment[f"QRMIDDLEWARE_{section.upper()}__PORT"] = self._ports[default]

    def write(self, name: str, text: str) -> None:
        """Make a file."""
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def type(self, commands: str) -> str:
        """Run commands as they stand; returns what they print."""
        commands = self.on_our_ports(commands)
        if commands.startswith("qrm serve"):
            return self._serve(commands)
        if "pip install -e ." in commands:
            return self._install()
        there = self._state / "pwd"
        result = subprocess.run(
            [_BASH, "-euo", "pipefail", "-c", f"{commands}\npwd > {there}"],
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
        assert result.returncode == 0, f"{commands}\n{result.stdout}"
        self._folder = Path(there.read_text().strip())
        return result.stdout

    def run_python(self, program: str) -> str:
        """Run a program."""
        self.write(".program.py", self.on_our_ports(program))
        return self.type("python .program.py")

    def on_our_ports(self, text: str) -> str:
        """Exchange the usual ports for those of this test."""
        for default, port in self._ports.items():
            text = text.replace(f"localhost:{default}", f"localhost:{port}")
            text = text.replace(f"127.0.0.1:{default}", f"127.0.0.1:{port}")
        return text

    def stop(self) -> None:
        """Type Ctrl-C where the server runs."""
        self._server.close()

    def _serve(self, command: str) -> str:
        log = self._state / "serve.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                [_BASH, "-c", f"exec {command}"],
                cwd=self._folder,
                env=self._environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._server.callback(process.kill)  # if it would not stop
        self._server.callback(process.wait, 30)
        self._server.callback(process.send_signal, signal.SIGINT)
        deadline = time.monotonic() + 30
        while " serving " not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        return log.read_text()

    def _install(self) -> str:
        """Do what an editable install does to entry points, without a network."""
        project = tomllib.loads((self._folder / "pyproject.toml").read_text())["project"]
        name = project["name"].replace("-", "_")
        described = self._folder / f"{name}-{project['version']}.dist-info"
        described.mkdir()
        (described / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        )
        groups = (
            "\n".join([f"[{group}]", *(f"{key} = {value}" for key, value in points.items())])
            for group, points in project["entry-points"].items()
        )
        (described / "entry_points.txt").write_text("\n".join(groups))
        paths = [str(self._folder), self._environment.get("PYTHONPATH", "")]
        self._environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        return ""


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
