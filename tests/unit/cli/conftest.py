"""The command as people run it: arguments in, exit code and output out."""

import sys
from dataclasses import dataclass

import pytest

from qrmiddleware.cli import main
from qrmiddleware.cli.console import err, out


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


@pytest.fixture
def qrm(monkeypatch, capsys, tmp_path):
    """Run ``qrm`` with some arguments, in a terminal of 100 columns and an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(out, "_width", 100)
    monkeypatch.setattr(err, "_width", 100)

    def run(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["qrm", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return Ran(ended.value.code or 0, printed.out, printed.err)

    return run


@pytest.fixture
def config(tmp_path):
    """A configuration with a rule, on an embedded engine on disk."""
    (tmp_path / "rules.txt").write_text("laptop =>\n  SYNONYM: notebook\n")
    file = tmp_path / "shop.yaml"
    file.write_text(
        "upstream: {embedded: data}\n"
        "pipelines:\n"
        "  default:\n"
        "    timeout_ms: 2000\n"
        "    rewriters:\n"
        "      - {plugin: rules, path: rules.txt}\n"
    )
    return file
