"""Every check, by name; plain ``nox`` runs all but those that install torch."""

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
    everything_else = (
        "not (elasticsearch or opensearch or redis or browser or gpu or ray or students)"
    )
    apart = [f"--ignore=tests/{each}" for each in ("docs", "faults", "fuzz")]
    pytest = ("pytest", *apart, "-m", everything_else)
    uv(session, "coverage", "run", "-m", *pytest, *session.posargs)
    uv(session, "coverage", "report", "--fail-under=85")


@nox.session
def fuzz(session: nox.Session) -> None:
    """Try odd inputs, the same every time; ``-- --hypothesis-profile=long`` tries many new ones."""
    uv(session, "pytest", "tests/fuzz", "--hypothesis-profile=fuzz", *session.posargs)


@nox.session(default=False)
def fuzz_guided(session: nox.Session) -> None:
    """Let atheris look for odd inputs: ``-- FILE::TEST -max_total_time=60``."""
    uv(session, "--with", "atheris", "python", "tests/fuzz/guided.py", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Run the examples in the documentation, and check its links and tables."""
    uv(session, "pytest", "tests/docs", *session.posargs)


@nox.session(default=False, name="ray")
def on_ray(session: nox.Session) -> None:
    """Run what starts Ray on this machine: a minute or two."""
    uv(session, "pytest", "integrations/ray", *session.posargs)


@nox.session
def e2e(session: nox.Session) -> None:
    """Run against real Elasticsearch, OpenSearch, Redis and Chromium, which it starts."""
    engines = "elasticsearch or opensearch or redis or browser"
    others = ("--ignore=tests/faults", "-m", engines)
    uv(session, "pytest", *others, "-rs", "--durations=10", *session.posargs)


@nox.session
def faults(session: nox.Session) -> None:
    """Break things under load, quick rows only; ``nox -s faults -- -m ''`` for the whole table."""
    quick = ("-m", "not slow")
    uv(session, "pytest", "tests/faults", *quick, "-rs", *session.posargs)


@nox.session
def conformance(session: nox.Session) -> None:
    """Hold the proxy against other people's tests; ``-- --whole`` runs every case."""
    uv(session, "python", "tests/conformance/run.py", *session.posargs)


@nox.session(name="bench_smoke")
def bench_smoke(session: nox.Session) -> None:
    """Run every benchmark for a moment, and check what must always hold; never times."""
    uv(session, "qrm-bench", "smoke", *session.posargs)


STUDENT_TESTS = (
    "benchmarks/tests/students",
    "tests/unit/students",
    "tests/unit/distill",
    "tests/unit/recipes",
    "tests/unit/cli/distill",
    "tests/unit/cli/models",
    "plugins/crsd",
    "plugins/ellm_rele",
    "plugins/beque",
    "plugins/rl_qr",
    "plugins/walmart_kd",
)
STUDENT_MODULES = (
    "*/qrmiddleware/distill/*",
    "*/qrmiddleware/recipes/*",
    "*/qrmiddleware/cli/distill/*",
    "*/qrmiddleware_crsd/*",
    "*/qrmiddleware_ellm_rele/*",
    "*/qrmiddleware_beque/*",
    "*/qrmiddleware_rl_qr/*",
    "*/qrmiddleware_walmart_kd/*",
    "*/qrmiddleware_benchmarks/students/*",
)
STUDENT_EXTRAS = ("students", "train", "distill")


def with_torch(session: nox.Session, *command: str) -> None:
    """Run a command in an environment of its own, ``.venv-students``: torch takes some 5 GB."""
    extras = [word for extra in STUDENT_EXTRAS for word in ("--extra", extra)]
    environment = {
        "UV_PROJECT_ENVIRONMENT": ".venv-students",
        "COVERAGE_FILE": ".venv-students/.coverage",
        "OMP_NUM_THREADS": "1",  # more threads only wait for each other in networks this small
    }
    session.run("uv", "run", "--all-packages", *extras, *command, external=True, env=environment)


@nox.session(default=False)
def students(session: nox.Session) -> None:
    """Train, export and run tiny students, on every runtime; and measure coverage of all that."""
    with_torch(session, "qrm-bench", "students", "--smoke")
    # What needs no torch runs too: coverage is of the modules as a whole.
    quick = ("-m", "not slow and not gpu", "--timeout=400")  # torch may take a minute to load
    pytest = ("pytest", *STUDENT_TESTS, *quick, "--durations=10")
    with_torch(session, "coverage", "run", "-m", *pytest, *session.posargs)
    modules = f"--include={','.join(STUDENT_MODULES)}"
    with_torch(session, "coverage", "report", modules, "--fail-under=90")
    with_torch(session, "pytest", "tests/docs", "-m", "students", *session.posargs)


@nox.session(default=False)
def effects(session: nox.Session) -> None:
    """Train tiny students until distillation shows, over several seeds: some minutes."""
    with_torch(session, "pytest", *STUDENT_TESTS, "-m", "students and slow", *session.posargs)


if os.environ.get("CI"):
    nox.options.stop_on_first_error = False
