"""What several commands share: options of endpoints and engines, and what is made of them."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer

from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes.command_options import names

if TYPE_CHECKING:
    from qrmiddleware_rl_qr.recipes.asked import Llm
    from qrmiddleware_rl_qr.recipes.guarding import Limits
    from qrmiddleware_rl_qr.recipes.searching import Engine

PACKAGE: Final = "qrmiddleware-rl-qr"

FolderArgument: TypeAlias = Annotated[
    Path, typer.Argument(metavar="WORK", help="Folder of the training, made by pairs.")
]
KeyOption: TypeAlias = Annotated[
    str, typer.Option("--api-key-env", help="Environment variable with the endpoint's key.")
]
ConcurrencyOption: TypeAlias = Annotated[int, typer.Option(min=1, help="Requests at a time.")]
PaceOption: TypeAlias = Annotated[
    float, typer.Option("--requests-per-minute", min=0, help="At most; 0 for no bound.")
]
LimitOption: TypeAlias = Annotated[
    int, typer.Option("--limit", min=0, help="New questions at most; 0 for no bound.")
]
RewriteTokensOption: TypeAlias = Annotated[
    int, typer.Option("--rewrite-tokens", min=2, help="Of a rewrite at most.")
]
MostWordsOption: TypeAlias = Annotated[int, typer.Option(min=1, help="Of a rewrite at most.")]


def key_of(variable: str) -> str:
    """Return a key from the environment; empty if no variable is named.

    Raises:
        ConfigError: If there is none where one is named.
    """
    key = os.environ.get(variable, "").strip() if variable else ""
    if variable and not key:
        message = f"{variable}: the environment has no such variable, or it is empty"
        raise ConfigError(message)
    return key


def llm_of(
    endpoint: str,
    model: str,
    *,
    prompt: str,
    own_prompt: Path | None = None,
    api_key_env: str = "",
    concurrency: int = 4,
    requests_per_minute: float = 0.0,
    limit: int = 0,
    file: Path | None = None,
) -> "Llm":
    """Read which language model is asked, and how.

    Raises:
        ConfigError: If there is no model, key or prompt.
    """
    from qrmiddleware.asking.endpoint import EndpointOptions  # noqa: PLC0415 `qrm --help` is quick
    from qrmiddleware.asking.questions import Manner  # noqa: PLC0415
    from qrmiddleware_rl_qr.recipes.asked import Llm  # noqa: PLC0415
    from qrmiddleware_rl_qr.recipes.prompts import load_prompt  # noqa: PLC0415

    if not model:
        message = f"endpoint {endpoint}: name a model too"
        raise ConfigError(message)
    return Llm(
        EndpointOptions(endpoint, key_of(api_key_env), requests_per_minute=requests_per_minute),
        Manner(model, concurrency=concurrency, most=limit),
        load_prompt(prompt, own_prompt),
        file,
    )


def engine_of(
    url: str,
    index: str,
    *,
    search_fields: str,
    body: Path | None,
    title_field: str,
    depth: int,
    api_key_env: str,
) -> "Engine":
    """Read where searches go.

    Raises:
        ConfigError: If template or key make no sense.
    """
    from qrmiddleware.evaluation.templates import (  # noqa: PLC0415 `qrm --help` is quick
        body_template,
        fields_template,
    )
    from qrmiddleware_rl_qr.recipes.searching import Engine  # noqa: PLC0415

    template = body_template(body) if body else fields_template(names(search_fields))
    return Engine(url, index, template, depth, title_field, key_of(api_key_env))


def limits_of(most_words: int, least_relevance: float | None = None) -> "Limits":
    """Read what guards allow."""
    from qrmiddleware.distill.rewriting.guards import GuardOptions  # noqa: PLC0415 as below
    from qrmiddleware_rl_qr.recipes.guarding import Limits  # noqa: PLC0415 `qrm --help` is quick

    guards = GuardOptions(max_words=most_words)
    if least_relevance is None:
        return Limits(guards)
    return Limits(guards, least_relevance=least_relevance)
