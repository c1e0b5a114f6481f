"""Options of commands that ask a language model, and what is made of them."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from qrmiddleware.errors import ConfigError

EndpointOption: TypeAlias = Annotated[
    str, typer.Option(help="URL of the API, such as http://localhost:8000/v1.")
]
ModelOption: TypeAlias = Annotated[str, typer.Option(help="Its name there.")]
KeyVariableOption: TypeAlias = Annotated[
    str, typer.Option("--api-key-env", help="Environment variable with the API's key.")
]
KeyFileOption: TypeAlias = Annotated[
    Path | None,
    typer.Option("--api-key-file", help="File that holds the API's key and nothing else."),
]
CertificatesOption: TypeAlias = Annotated[
    Path | None,
    typer.Option("--ca-certs", help="PEM file of who vouches for https servers."),
]
BodyOption: TypeAlias = Annotated[
    str,
    typer.Option("--body", help="JSON with more keys of the request; null takes one away."),
]
TimeoutOption: TypeAlias = Annotated[
    float, typer.Option("--timeout", min=0.1, help="Seconds for one answer.")
]
AttemptsOption: TypeAlias = Annotated[
    int, typer.Option(min=1, help="How often a busy endpoint is asked for one answer.")
]


def read_key(variable: str, file: Path | None) -> str:
    """Return the API's key; empty if neither is named.

    Raises:
        ConfigError: If there is none where one is named.
    """
    if variable and not os.environ.get(variable, "").strip():
        message = f"--api-key-env {variable}: the environment has no such variable, or it is empty"
        raise ConfigError(message)
    if variable:
        return os.environ[variable].strip()
    if file is None:
        return ""
    try:
        key = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        message = f"--api-key-file {file}: cannot be read: {error}"
        raise ConfigError(message) from error
    if len(key.split()) != 1:
        message = f"--api-key-file {file}: expected one key and nothing else"
        raise ConfigError(message)
    return key


def read_body(text: str) -> Mapping[str, Any]:
    """Return what ``--body`` adds to a request.

    Raises:
        ConfigError: If it is no JSON object.
    """
    try:
        body = json.loads(text or "{}")
    except ValueError as error:
        message = f"--body is not JSON: {error}"
        raise ConfigError(message) from error
    if not isinstance(body, dict):
        message = "--body is a JSON object, such as '{\"max_tokens\": 300}'"
        raise ConfigError(message)
    return body
