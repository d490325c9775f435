"""What a service manager is told, over a real datagram socket."""

from pathlib import Path

import pytest

from bot.observability.service_manager import ServiceManager
from tests.fakes.service_manager import notify_socket


@pytest.mark.parametrize("abstract", [False, True], ids=["file", "abstract"])
def test_every_sign_reaches_the_socket_that_the_surroundings_name(tmp_path: Path, abstract: bool) -> None:  # noqa: FBT001 - a table's column
    with notify_socket(tmp_path, abstract=abstract) as manager:
        signs = ServiceManager.of({"NOTIFY_SOCKET": manager.address}, pid=1)
        assert signs.listens
        assert (signs.ready(), signs.alive(), signs.stopping()) == (True, True, True)
        assert signs.status("run;\n 3 waiting · größte")
        assert manager.look() == ["READY=1", "WATCHDOG=1", "STOPPING=1", "STATUS=run; 3 waiting · größte"]


def test_a_status_is_one_line_of_bounded_length(tmp_path: Path) -> None:
    with notify_socket(tmp_path) as manager:
        ServiceManager(manager.address).status("x" * 10_000)
        assert len(manager.look()[0]) == len("STATUS=") + 400


def test_without_a_manager_nothing_is_told_and_nothing_fails() -> None:
    for environ in ({}, {"NOTIFY_SOCKET": ""}):
        signs = ServiceManager.of(environ, pid=1)
        assert not signs.listens
        assert not signs.ready()


def test_a_manager_that_is_away_or_full_delays_nobody(tmp_path: Path) -> None:
    with notify_socket(tmp_path) as manager:
        signs = ServiceManager(manager.address)
        while signs.alive():  # until its queue is full: the next one does not wait
            pass
    assert not signs.alive()
    assert not ServiceManager(str(tmp_path / "nobody")).ready()


@pytest.mark.parametrize(
    ("environ", "watchdog_s"),
    [
        ({"WATCHDOG_USEC": "3000000"}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "7"}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({}, None),
    ],
)
def test_the_watchdogs_interval_counts_for_the_process_that_it_names(
    environ: dict[str, str], watchdog_s: float | None
) -> None:
    assert ServiceManager.of({"NOTIFY_SOCKET": "@x", **environ}, pid=7).watchdog_s == watchdog_s


def test_an_interval_without_a_socket_is_none() -> None:
    assert ServiceManager.of({"WATCHDOG_USEC": "3000000"}, pid=7).watchdog_s is None


def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    with notify_socket(tmp_path) as manager:
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(5):
            ServiceManager(manager.address).alive()
        assert len(list(Path("/proc/self/fd").iterdir())) == before
