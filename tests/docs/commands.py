"""What the commands say of themselves."""

import inspect
import re
from collections.abc import Iterable, Iterator
from typing import Any

import typer
from references import table

from qrmiddleware.cli.app import build_app
from qrmiddleware_benchmarks.engines.cli import app as engines_app


def qrm() -> str:
    """Describe ``qrm`` and all its commands."""
    return "\n\n".join(_described("qrm", typer.main.get_command(build_app())))


def qrm_engines() -> str:
    """Describe ``qrm-engines`` and all its commands."""
    return "\n\n".join(_described("qrm-engines", typer.main.get_command(engines_app)))


def _described(name: str, command: Any) -> Iterator[str]:
    level = "##" if " " not in name else "###"
    yield f"{level} `{name}`"
    yield _prose(command.help or "")
    if command.epilog:
        yield f"```sh\n{command.epilog.removeprefix('Example: ')}\n```"
    rows = [_row(parameter) for parameter in command.params if not parameter.hidden]
    if rows:
        yield table(("argument or option", "meaning", "default"), *rows)
    for inner in getattr(command, "commands", {}).values():
        yield from _described(f"{name} {inner.name}", inner)


def _prose(text: str) -> str:
    """Write a help text, its examples as a block."""
    text = inspect.cleandoc(text.replace("\b", ""))
    prose, _, shown = re.sub(r"For example:", "Examples:", text).partition("Examples:")
    lines = [line.strip().removeprefix("* ").strip("`") for line in shown.splitlines()]
    examples, rest = _examples(lines)
    block = "\n".join(["```sh", *examples, "```"]) if examples else ""
    return "\n\n".join(part for part in (prose.strip(), block, rest) if part)


def _examples(lines: Iterable[str]) -> tuple[list[str], str]:
    """Part commands, which may go on in lines that begin with an option, from other text."""
    examples: list[str] = []
    rest: list[str] = []
    for line in filter(None, lines):
        if re.match(r"(?:[A-Z_]+=\S+ )?qrm", line):
            examples.append(line)
        elif line.startswith("-") and examples and not rest:
            examples[-1] += f" \\\n  {line}"
        else:
            rest.append(line)
    return examples, " ".join(rest)


def _row(parameter: Any) -> tuple[str, str, str]:
    names = ", ".join(f"`{option}`" for option in (*parameter.opts, *parameter.secondary_opts))
    if parameter.metavar and parameter.opts[0].startswith("-"):
        names += f" `{parameter.metavar}`"
    if not parameter.opts[0].startswith("-"):
        names = f"`{(parameter.metavar or parameter.name).upper()}`"
    meaning = parameter.help or ""
    if getattr(parameter, "envvar", None):
        meaning += f" Or the environment's `{parameter.envvar}`."
    return names, meaning, _default(parameter)


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    default = parameter.default
    return "" if default is None or default == "" or default is False else f"`{default}`"
