"""The engine that is searched offline, from what people say of it."""

from pathlib import Path
from urllib.parse import quote

from qrmiddleware.errors import ConfigError
from qrmiddleware.evaluation.arms import Arm, ArmSettings, Defaults, make_arms


def engine_arm(
    url: str,
    index: str,
    *,
    fields: tuple[str, ...] = (),
    body: Path | None = None,
    operator: str = "",
    pipeline: str = "",
    api_key_env: str = "",
    ca_certs: Path | None = None,
) -> Arm:
    """Make an engine ready to be searched.

    Args:
        url: Of the engine or of a qrm proxy, with ``user:password@`` if it wants that.
        index: To search.
        fields: For a ``multi_match``, with boosts.
        body: Search body with ``{{query}}`` in it, instead.
        operator: Of the ``multi_match``: ``and`` or ``or``.
        pipeline: Of a qrm proxy: ``_none`` for the engine alone, without rewrites.
        api_key_env: Environment variable that holds an API key.
        ca_certs: PEM file of who vouches for the server.

    Raises:
        ConfigError: If there is nothing to search for, or something cannot be read.
    """
    if not url.startswith(("http://", "https://")):
        message = f"{url!r} is no URL of an engine, such as http://localhost:9200"
        raise ConfigError(message)
    settings = ArmSettings(
        name="engine",
        url=f"{url.rstrip('/')}/{quote(index, safe=',*')}",
        pipeline=pipeline,
        fields=fields,
        operator=operator,
        body=body,
        api_key_env=api_key_env,
        ca_certs=ca_certs,
    )
    (arm,) = make_arms([settings], Defaults())
    return arm
