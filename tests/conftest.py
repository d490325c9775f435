"""What every test lives under: sockets to loopback only, no settings from the caller's shell."""

import ipaddress
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests.fakes.fake_clock import FakeClock
from tests.fakes.postgres_server import NoPostgresError, PostgresServer
from tests.fakes.sequential_ids import SequentialIds

# A terminal's size is what its test says, not what some runner left in the environment.
for _size in ("COLUMNS", "LINES"):
    os.environ.pop(_size, None)

REPOSITORY = Path(__file__).resolve().parent.parent
OHLCV_DEFAULT = REPOSITORY.parent / "shared" / "data" / "ohlcv"

# No deadline: a shared machine stalls, and a stall is no defect. Failures print how to repeat them.
hypothesis.settings.register_profile("default", deadline=None, print_blob=True)
hypothesis.settings.register_profile("thorough", deadline=None, print_blob=True, max_examples=2_000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

# The pure folders' tests touch nothing and take a second or two: all of them are daily work.
PURE_UNIT_TESTS = tuple(
    REPOSITORY / "tests" / "unit" / folder
    for folder in ("execution", "holdings", "kernel", "lifecycle", "proposals", "risk")
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the pure folders' unit tests into the smoke tier; others carry the mark themselves."""
    for item in items:
        if any(folder in item.path.parents for folder in PURE_UNIT_TESTS):
            item.add_marker("smoke")


class OutsideLoopbackError(AssertionError):
    """A test tried to leave the machine."""


def is_loopback(host: object) -> bool:
    """Say whether a socket address's host stays on this machine."""
    if isinstance(host, bytes):
        host = host.decode()
    if host is None or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(str(host).split("%", 1)[0]).is_loopback
    except ValueError:
        return False


def _guarded(original: Callable[..., Any]) -> Callable[..., Any]:
    def call(self: socket.socket, address: Any, *rest: Any) -> Any:
        if self.family in {socket.AF_INET, socket.AF_INET6} and not is_loopback(address[0]):
            raise OutsideLoopbackError(f"a test may not reach {address!r}: sockets only to loopback")
        return original(self, address, *rest)

    return call


@pytest.fixture(scope="session", autouse=True)
def _sockets_only_to_loopback() -> Iterator[None]:
    resolve = socket.getaddrinfo

    def guarded_resolve(host: Any, *rest: Any, **named: Any) -> Any:
        if not is_loopback(host):
            raise OutsideLoopbackError(f"a test may not look up {host!r}: sockets only to loopback")
        return resolve(host, *rest, **named)

    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex", "bind"):
            patch.setattr(socket.socket, name, _guarded(getattr(socket.socket, name)))
        patch.setattr(socket, "getaddrinfo", guarded_resolve)
        yield


@pytest.fixture(autouse=True)
def _no_settings_from_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in tuple(os.environ):
        if name.startswith("BOT_") and not name.startswith("BOT_TEST_"):
            monkeypatch.delenv(name)


@pytest.fixture
def clock() -> FakeClock:
    """A clock at 2024-01-01T00:00:00Z that moves when told to."""
    return FakeClock()


@pytest.fixture
def ids() -> SequentialIds:
    """Ids that count from one."""
    return SequentialIds()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL; where none starts, its tests are skipped, or fail by BOT_TEST_NEEDS_POSTGRES."""
    try:
        server = PostgresServer()
    except NoPostgresError as error:
        if os.environ.get("BOT_TEST_NEEDS_POSTGRES"):
            pytest.fail(f"no PostgreSQL: {error}")
        pytest.skip(f"no PostgreSQL: {error}")
    yield server
    server.close()


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout's top folder."""
    return REPOSITORY


@pytest.fixture(scope="session")
def ohlcv_folder() -> Path:
    """The folder of real candles, `SOLUSDT-1h.csv.gz` and the like; without it the test is skipped."""
    folder = Path(os.environ.get("BOT_TEST_OHLCV", OHLCV_DEFAULT))
    if not any(folder.glob("*USDT-1?.csv.gz")):
        pytest.skip(f"no real candles in {folder}; name their folder by BOT_TEST_OHLCV")
    return folder
