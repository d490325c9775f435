"""Telling a service manager how this process does: the datagram protocol of systemd's `sd_notify`.

Rules: 1 without a service manager every call does nothing. 2 A manager that does not take a message
stops and delays nobody; it is told anew with the next one. 3 The socket is the one that the surroundings
name; a leading `@` means a name outside the file system. 4 The watchdog's interval counts only for the
process that it names.
"""

import contextlib
import socket
from collections.abc import Mapping

_LONGEST_STATUS = 400
"""Characters of a status line; a manager shows one line."""


class ServiceManager:
    """One process's way to its service manager; any thread may speak."""

    def __init__(self, address: str | None, *, watchdog_s: float | None = None) -> None:
        self._address = None if not address else f"\0{address[1:]}" if address.startswith("@") else address
        self.watchdog_s = watchdog_s if self._address is not None else None
        """Without a sign for this many seconds, the manager takes the process for dead; None: never."""

    @classmethod
    def of(cls, environ: Mapping[str, str], *, pid: int) -> "ServiceManager":
        """Return the manager that the surroundings name (`NOTIFY_SOCKET`, `WATCHDOG_USEC`, `WATCHDOG_PID`).

        An interval that is no number, or that is meant for another process, is no interval.
        """
        watchdog_s = None
        if environ.get("WATCHDOG_PID", str(pid)) == str(pid):
            with contextlib.suppress(ValueError):
                watchdog_s = int(environ.get("WATCHDOG_USEC", "")) / 1_000_000
        return cls(environ.get("NOTIFY_SOCKET"), watchdog_s=watchdog_s or None)

    @property
    def listens(self) -> bool:
        """Say whether there is a service manager at all."""
        return self._address is not None

    def ready(self) -> bool:
        """Tell that the start is done: what waits for this process may go on."""
        return self._tell("READY=1")

    def alive(self) -> bool:
        """Tell that the work goes on, so that the watchdog waits for another interval."""
        return self._tell("WATCHDOG=1")

    def status(self, words: str) -> bool:
        """Tell people in one line what the process does."""
        return self._tell(f"STATUS={' '.join(words.split())[:_LONGEST_STATUS]}")

    def stopping(self) -> bool:
        """Tell that the process ends by itself now."""
        return self._tell("STOPPING=1")

    def _tell(self, message: str) -> bool:
        """Send one datagram without ever waiting; returns whether it was taken."""
        if self._address is None:
            return False
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as manager:
                manager.sendto(message.encode(), self._address)
        except OSError:  # it restarts, or its queue is full
            return False
        return True
