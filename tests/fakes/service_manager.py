"""A service manager's end of the notify socket: a real datagram socket that keeps what it is told."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class NotifySocket:
    """Keeps messages with the order in which they came."""

    def __init__(self, address: str) -> None:
        self.address = address
        """What `NOTIFY_SOCKET` says; a leading `@` means a name outside the file system."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self._socket.settimeout(0)
        self.told: list[str] = []

    def look(self) -> list[str]:
        """Return everything that was told so far."""
        while True:
            try:
                self.told.append(self._socket.recv(65_536).decode())
            except BlockingIOError:
                return self.told

    def close(self) -> None:
        self._socket.close()


@contextmanager
def notify_socket(folder: Path, *, abstract: bool = False) -> Iterator[NotifySocket]:
    """Yield a socket in the folder, or one outside the file system."""
    made = NotifySocket(f"@{folder.name}-{id(folder)}" if abstract else str(folder / "notify"))
    try:
        yield made
    finally:
        made.close()
