"""Every check, by name; plain ``nox`` runs all but ``students``, which installs torch."""

import os

import nox

nox.options.default_venv_backend = "none"  # uv keeps one environment for the whole workspace
nox.options.error_on_missing_interpreters = False


def uv(session: nox.Session, *command: str, **environment: str) -> None:
    """Run a command in the workspace's environment."""
    session.run("uv", "run", "--all-packages", *command, external=True, env=environment)


@nox.session
def lint(session: nox.Session) -> None:
    """Format and lint; ``nox -s lint -- --fix`` mends what it can."""
    fix = "--fix" in session.posargs
    uv(session, "ruff", "format", *([] if fix else ["--check"]))
    uv(session, "ruff", "check", *(["--fix"] if fix else []))


@nox.session
def types(session: nox.Session) -> None:
    """Check types, strictly."""
    uv(session, "mypy")


@nox.session
def imports(session: nox.Session) -> None:
    """Check who imports whom."""
    uv(session, "lint-imports")


@nox.session
def tests(session: nox.Session) -> None:
    """Run what needs no engine, and measure coverage."""
    everything_else = "not (elasticsearch or opensearch or redis or browser or gpu or students)"
    pytest = ("pytest", "--ignore=tests/docs", "-m", everything_else)
    uv(session, "coverage", "run", "-m", *pytest, *session.posargs)
    uv(session, "coverage", "report", "--fail-under=85")


@nox.session
def docs(session: nox.Session) -> None:
    """Run the examples in the documentation, and check its links and tables."""
    uv(session, "pytest", "tests/docs", *session.posargs)


@nox.session
def e2e(session: nox.Session) -> None:
    """Run against real Elasticsearch, OpenSearch, Redis and Chromium, which it starts."""
    engines = "elasticsearch or opensearch or redis or browser"
    uv(session, "pytest", "-m", engines, "-rs", "--durations=10", *session.posargs)


@nox.session(name="bench_smoke")
def bench_smoke(session: nox.Session) -> None:
    """Run every benchmark for a moment, and check what must always hold; never times."""
    uv(session, "qrm-bench", "smoke", *session.posargs)


@nox.session(default=False)
def students(session: nox.Session) -> None:
    """Run tiny students on every runtime, and the tests that need those, exports and training.

    They live in an environment of their own, ``.venv-students``: torch takes some 5 GB.
    """
    environment = {
        "UV_PROJECT_ENVIRONMENT": ".venv-students",
        "COVERAGE_FILE": ".venv-students/.coverage",
    }

    def run(*command: str) -> None:
        extras = ("--extra", "students", "--extra", "distill", "--extra", "train")
        session.run(
            "uv", "run", "--all-packages", *extras, *command, external=True, env=environment
        )

    run("qrm-bench", "students", "--smoke")
    run("coverage", "run", "-m", "pytest", "benchmarks/tests/students", *session.posargs)
    run("coverage", "report", "--include=*/qrmiddleware_benchmarks/students/*", "--fail-under=90")
    slow = ("--timeout", "400")  # torch alone may take a minute to load
    run("pytest", "tests/unit", "plugins", "-m", "students", *slow, *session.posargs)


if os.environ.get("CI"):
    nox.options.stop_on_first_error = False
