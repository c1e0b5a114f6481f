"""Runs one case of the suite against one server."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from api_calls import ParameterError, Request, Response, request_of
from checks import CHECKS, CheckError, is_true, java_text, regex_of
from lookups import filled, look_up
from yaml_suite import Case, Step, Suite

FEATURES: Final = frozenset(
    {
        "allowed_warnings",
        "arbitrary_key",
        "contains",
        "default_shards",
        "headers",
        "node_selector",
        "regex",
        "stash_in_path",
        "warnings",
        "yaml",
    }
)
"""What cases may need of a runner, and this one has."""

_OPTIONS: Final = frozenset({"catch", "headers", "warnings", "allowed_warnings", "node_selector"})
_CAUGHT: Final[Mapping[str, int]] = {
    "bad_request": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "missing": 404,
    "request_timeout": 408,
    "conflict": 409,
    "unavailable": 503,
}
_OK: Final = range(200, 300)
_WARNING: Final = re.compile(r'^\d{3} \S+ "((?:\\.|[^"\\])*)"')
_RANGE: Final = re.compile(r"\s*(\S*)\s*-\s*(\S*)\s*")
_LEGACY: Final = range(5, 8)
"""Major versions of Elasticsearch, which OpenSearch's own came after."""

Send = Callable[[Request], Response]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a case.

    Attributes:
        verdict: Whether it did what it should, or did not run.
        reason: Why it failed or was skipped.
    """

    verdict: Literal["pass", "fail", "skip"]
    reason: str = ""


class SkippedError(Exception):
    """A case is not for this engine or this runner."""


def run_case(case: Case, suite: Suite, send: Send, *, version: str) -> Outcome:
    """Run one case with its setup and teardown.

    Args:
        case: Which.
        suite: Where it is from.
        send: Asks the server.
        version: Of the engine.
    """
    runner = _Runner(case.path, suite, send, version)
    try:
        runner.skip((*case.setup, *case.steps))
        runner.run(case.setup)
        runner.forget()
        runner.run(case.steps)
    except SkippedError as why:
        return Outcome("skip", str(why))
    except (CheckError, ParameterError, OSError, ValueError) as error:
        return Outcome("fail", f"{runner.at}: {error}"[:1000])
    else:
        return Outcome("pass")
    finally:
        runner.clean_up(case.teardown)


@dataclass(slots=True)
class _Runner:
    path: str
    suite: Suite
    send: Send
    version: str
    at: str = ""
    stash: dict[str, Any] = field(default_factory=dict[str, Any])
    response: Response | None = None
    method: str = ""

    def skip(self, steps: Iterable[Step]) -> None:
        """Skip the case before anything is done, if any of its steps says so."""
        for verb, what in steps:
            if verb == "skip":
                self._skip(what)

    def run(self, steps: Iterable[Step]) -> None:
        for number, (verb, what) in enumerate(steps, start=1):
            self.at = f"step {number}, {verb}"
            self._run_step(verb, what)

    def forget(self) -> None:
        """Let the test not see what the setup was answered with."""
        self.response = None

    def clean_up(self, steps: Iterable[Step]) -> None:
        for verb, what in steps:
            try:
                self._run_step(verb, what)
            except (CheckError, ParameterError, SkippedError, OSError, ValueError):
                continue  # what it would take away may never have been made

    def _run_step(self, verb: str, what: Any) -> None:
        match verb:
            case "skip":
                pass  # it was looked at before
            case "do":
                self._do(what)
            case "set":
                for path, name in what.items():
                    self.stash[name] = self._at(path)
            case "is_true" | "is_false":
                self._truth(what, wanted=verb == "is_true")
            case _ if verb in CHECKS:
                self._check(verb, what)
            case _:
                problem = f"there is no step {verb}"
                raise CheckError(problem)

    def _skip(self, what: Mapping[str, Any]) -> None:
        features = what.get("features", [])
        needed = re.split(r",\s*", features) if isinstance(features, str) else features
        if lacking := set(needed) - FEATURES:
            problem = f"needs {', '.join(sorted(lacking))}"
            raise SkippedError(problem)
        ranges = str(what.get("version") or "")
        if ranges and any(in_range(self.version, each) for each in ranges.split(",")):
            problem = f"not for {ranges.strip()}: {what.get('reason', '')}"
            raise SkippedError(problem)

    def _do(self, what: Mapping[str, Any]) -> None:
        options = {key: what[key] for key in what if key in _OPTIONS}
        api = [key for key in what if key not in _OPTIONS][-1]  # of several, as OpenSearch does
        self._select_node(options.get("node_selector", {}))
        arguments = filled(dict(what[api] or {}), self.stash)
        ignored = arguments.pop("ignore", [])
        headers = filled(options.get("headers", {}), self.stash)
        catch = options.get("catch", "")
        turn = f"{self.path}: {self.at}"
        try:
            request = request_of(self.suite.apis, api, arguments, headers, turn=turn)
        except ParameterError:
            if catch == "param":
                return
            raise
        self.response, self.method = self.send(request), request.method
        self.at += f" ({request.method} {request.target})"
        expected = [ignored] if isinstance(ignored, int | str) else list(ignored)
        self._check_status(self.response, catch, [int(each) for each in expected], request.method)
        self._check_warnings(self.response, options)

    def _select_node(self, selector: Mapping[str, Any]) -> None:
        wanted = selector.get("version")
        if wanted and not in_range(self.version, wanted):
            problem = f"there is no node of version {wanted}"
            raise SkippedError(problem)
        if "attribute" in selector:
            problem = "there is no choice of nodes"
            raise SkippedError(problem)

    def _check_status(
        self, response: Response, catch: str, ignored: list[int], method: str
    ) -> None:
        status = response.status
        if catch:
            if not self._is_caught(response, catch):
                problem = f"answered {status}, not {catch}: {response.text[:300]}"
                raise CheckError(problem)
        elif not (status in _OK or status in ignored or (method == "HEAD" and status == 404)):
            problem = f"answered {status}: {response.text[:300]}"
            raise CheckError(problem)

    def _is_caught(self, response: Response, catch: str) -> bool:
        if pattern := regex_of(catch):
            error = look_up(response.body, "error", {})
            return error is not None and bool(pattern.search(java_text(error)))
        if catch == "request":
            return response.status >= 400 and response.status not in _CAUGHT.values()
        return response.status == _CAUGHT.get(catch)

    def _check_warnings(self, response: Response, options: Mapping[str, Any]) -> None:
        given = [warning_text(value) for value in response.values("warning")]
        expected = list(options.get("warnings", []))
        allowed = options.get("allowed_warnings", [])
        surplus = [text for text in given if text not in expected and text not in allowed]
        missing = [text for text in expected if text not in given]
        if surplus or missing:
            problem = f"warns of {surplus}, and not of {missing}"
            raise CheckError(problem)

    def _truth(self, path: str, *, wanted: bool) -> None:
        if is_true(actual := self._at(path)) != wanted:
            problem = f"{path} is {actual!r:.200}"
            raise CheckError(problem)

    def _check(self, verb: str, what: Mapping[str, Any]) -> None:
        for path, expected in what.items():
            wanted, actual = filled(expected, self.stash), self._at(path)
            if not CHECKS[verb](actual, wanted):
                problem = f"{path} is {actual!r:.300}, expected {wanted!r:.300}"
                raise CheckError(problem)

    def _at(self, path: str) -> Any:
        if path.startswith("$") and path[1:] in self.stash:
            return self.stash[path[1:]]
        if self.response is None:
            problem = "there is no response"
            raise CheckError(problem)
        if path in {"", "$body"} and self.method == "HEAD":  # it says whether something is there
            return self.response.status in _OK
        return look_up(self.response.body, path, self.stash)


def in_range(version: str, bounds: str) -> bool:
    """Whether a version is in a range such as ``" - 2.99.99"``; ``all`` holds every one."""
    if bounds.strip() == "all":
        return True
    parted = _RANGE.fullmatch(bounds)
    if parted is None:
        problem = f"{bounds!r} is no range of versions"
        raise CheckError(problem)
    lowest, highest = parted.groups()
    own = _ordered(version)
    return (not lowest or _ordered(lowest) <= own) and (not highest or own <= _ordered(highest))


def _ordered(version: str) -> tuple[int, ...]:
    major, *rest = (int(part) for part in re.findall(r"\d+", version)[:3])
    return (major - 10 if major in _LEGACY else major, *rest)


def warning_text(value: str) -> str:
    """Return what a ``Warning`` header says."""
    said = _WARNING.match(value)
    return re.sub(r"\\(.)", r"\1", said[1]) if said else value
