"""The versions that are open in this process, exchanged while searches use them."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from qrmiddleware import ConfigError
from qrmiddleware.rewriting import Rewriting, RewritingOptions
from qrmiddleware_rl_qr.versions.choosing import chosen_version
from qrmiddleware_rl_qr.versions.folder import Stamp, VersionFolder
from qrmiddleware_rl_qr.versions.state import State, roll_back


@dataclass(slots=True)
class Opened:
    """A version's student.

    Attributes:
        version: Its name.
        rewriting: Asks it.
        loans: Closing it lets go of the student.
        users: Calls that hold it at the moment.
        retired: Whether the last of them closes it.
    """

    version: str
    rewriting: Rewriting
    loans: ExitStack = field(repr=False)
    users: int = 0
    retired: bool = False


class Fleet:
    """Keeps the versions open that the state names; may be used from many threads at once.

    Args:
        folder: Of the versions.
        options: How every version is asked.
    """

    def __init__(self, folder: VersionFolder, options: RewritingOptions) -> None:
        self._folder, self._options = folder, options
        self._lock = threading.Lock()
        self._open: dict[str, Opened] = {}
        self._state = State("")
        self._stamp: Stamp = None

    @property
    def state(self) -> State:
        """The state that queries are answered by."""
        return self._state

    def start(self) -> None:
        """Open what the state names; a canary that cannot be opened is refused.

        Raises:
            ConfigError: If the state cannot be read, or the serving version not be opened.
        """
        self._stamp = self._folder.stamp()
        state = self._folder.read()
        self._exchange(state, self._opened(state))

    def look(self) -> None:
        """Follow the state file, if it changed; what serves goes on until all else is open.

        Raises:
            ConfigError: If the state cannot be read or a version not be opened. The latter is
                noted in the state, which goes back; what was open stays so.
        """
        stamp = self._folder.stamp()
        if stamp == self._stamp:
            return
        state = self._folder.read()
        try:
            self._exchange(state, self._opened(state))
        except ConfigError as error:
            reason = f"cannot be opened: {error}"
            self._refuse(state, reason)
            raise
        finally:
            self._stamp = stamp

    def stop(self) -> None:
        """Let go of every version; those in use go when they are free."""
        self._exchange(State(""), {})
        self._stamp = None

    @contextmanager
    def version_for(self, text: str, *, tried: bool = True) -> Iterator[Opened]:
        """Hold the version that answers a query for the block.

        Args:
            text: The query.
            tried: Whether it may be the canary.

        Raises:
            RuntimeError: If nothing is open.
        """
        with self._lock:
            state = self._state
            name = chosen_version(state, text) if tried else state.serving
            if name not in self._open:
                problem = "asked before qrm_startup, or after qrm_shutdown"
                raise RuntimeError(problem)
            opened = self._open[name]
            opened.users += 1
        try:
            yield opened
        finally:
            self._leave(opened)

    def status(self) -> dict[str, object]:
        """Tell how each open version does."""
        with self._lock:
            opened = dict(self._open)
        return {name: each.rewriting.status() for name, each in opened.items()}

    def _opened(self, state: State) -> dict[str, Opened]:
        """Return what the state needs, of what is open and anew; the canary may be refused."""
        found: dict[str, Opened] = {}
        with ExitStack() as stack:
            found[state.serving] = self._one(state.serving, stack)
            if state.canary:
                try:
                    found[state.canary] = self._one(state.canary, stack)
                except ConfigError as error:
                    self._refuse(state, f"cannot be opened: {error}")
            stack.pop_all()
        return found

    def _one(self, version: str, stack: ExitStack) -> Opened:
        if version in self._open:
            return self._open[version]
        with ExitStack() as loans:
            path = self._folder.student(version)
            rewriting = Rewriting.open(path, self._options, loans)
            opened = Opened(version, rewriting, loans.pop_all())
        stack.callback(opened.loans.close)
        return opened

    def _refuse(self, seen: State, reason: str) -> None:
        def back(state: State) -> State:
            same = (state.serving, state.trial) == (seen.serving, seen.trial)
            can = bool(state.canary or state.previous)
            return roll_back(state, reason, what="refused") if same and can else state

        self._folder.change(back)

    def _exchange(self, state: State, opened: dict[str, Opened]) -> None:
        """Answer by a state from now on, as far as its versions are open."""
        if state.canary and state.canary not in opened:
            state = State(state.serving, state.previous, events=state.events)
        with self._lock:
            left = [each for name, each in self._open.items() if opened.get(name) is not each]
            self._open, self._state = opened, state
            for each in left:
                each.retired = True
            free = [each for each in left if not each.users]
        for each in free:
            each.loans.close()

    def _leave(self, opened: Opened) -> None:
        with self._lock:
            opened.users -= 1
            last = opened.retired and not opened.users
        if last:
            opened.loans.close()
