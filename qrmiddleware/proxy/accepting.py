"""Takes connections as they come: all that wait, in one turn of the event loop."""

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable
from typing import Final

_AT_A_TIME: Final = 256
"""Connections taken before the requests of others have their turn."""
_PAUSE_S: Final = 1.0
"""When the process may open no more files; as long as asyncio waits then."""
_NO_MORE: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Acceptor:
    """What ``loop.create_server`` makes, but for bursts.

    libuv takes one connection in each turn. Under load a turn takes tens of milliseconds, so that
    new clients would wait for seconds in the system's queue, where no limit sees them.

    Args:
        listener: Bound and listening.
        make_protocol: Called for each connection.
        context: For TLS; plain without.
        tell: Is told, once, when connections wait because the process may open no more files.
    """

    def __init__(
        self,
        listener: socket.socket,
        make_protocol: Callable[[], asyncio.BaseProtocol],
        context: ssl.SSLContext | None,
        tell: Callable[[str], None],
    ) -> None:
        self._listener = listener
        self._make_protocol = make_protocol
        self._context = context
        self._tell = tell
        self._told = self._closed = False
        self._loop = asyncio.get_running_loop()
        self._beginning: set[asyncio.Task[None]] = set()
        listener.setblocking(False)
        self._listen()

    def close(self) -> None:
        """Take no more, and close the listener; connections that have begun go on."""
        if self._closed:
            return
        self._closed = True
        self._loop.remove_reader(self._listener)
        self._listener.close()

    async def wait_closed(self) -> None:
        """Return at once: there is nothing to wait for."""

    def _listen(self) -> None:
        if not self._closed:
            self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        for _ in range(_AT_A_TIME):
            try:
                client, _ = self._listener.accept()
            except OSError as error:  # nobody waits any more, or who did has gone
                if error.errno in _NO_MORE:
                    self._pause(error)
                return
            client.setblocking(False)
            beginning = self._loop.create_task(self._begin(client))
            self._beginning.add(beginning)
            beginning.add_done_callback(self._beginning.discard)

    def _pause(self, error: OSError) -> None:
        if not self._told:
            self._tell(f"new connections wait: {error.strerror}; raise the limit (ulimit -n)")
            self._told = True
        self._loop.remove_reader(self._listener)
        self._loop.call_later(_PAUSE_S, self._listen)

    async def _begin(self, client: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._make_protocol, client, ssl=self._context)
        except OSError:  # it does not speak TLS, or has gone
            client.close()
