"""Every exception that qrmiddleware raises on purpose, named for who must act.

    QrmError
    ├── ConfigError      the operator: this configuration cannot work
    ├── RequestError     the client: this search cannot be served (HTTP 400)
    ├── PluginError      the plugin's author: a hook raised, or broke its contract
    ├── OverloadError    nobody, or who plans capacity: more work waits than can be done in time
    └── UpstreamError    the cluster: it refused, failed or timed out (HTTP 502, 503, 504)

A wrong argument to a Python function stays a plain ``ValueError`` or ``TypeError``.
"""


class QrmError(Exception):
    """Base of every error below; catch this one at the edges only."""


class ConfigError(QrmError):
    """The configuration names a plugin, file or value that cannot work."""


class RequestError(QrmError):
    """The client's request cannot be served; answered with HTTP 400."""


class PluginError(QrmError):
    """A plugin's hook raised, or returned what its hookspec does not allow.

    Attributes:
        plugin: Entry-point name of the plugin, such as ``"rules"``.
        hook: Name of the hook, such as ``"qrm_rewrite"``.
    """

    def __init__(self, plugin: str, hook: str, problem: str) -> None:
        super().__init__(f"plugin {plugin!r}, hook {hook}: {problem}")
        self.plugin = plugin
        self.hook = hook
        self.problem = problem


class OverloadError(QrmError):
    """Refused because more work is waiting than can be done in time; try again later."""


class UpstreamError(QrmError):
    """The search cluster refused, failed or timed out.

    Attributes:
        status: The HTTP status to answer the client with: 502, 503 or 504.
    """

    def __init__(self, message: str, *, status: int = 503) -> None:
        super().__init__(message)
        self.status = status
