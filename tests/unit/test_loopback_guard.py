"""The guard of `tests/conftest.py` itself: a test cannot leave the machine."""

import socket

import pytest

from tests.conftest import OutsideLoopbackError, is_loopback


@pytest.mark.smoke
def test_connecting_to_another_machine_fails_before_a_packet_leaves() -> None:
    with socket.socket() as outside, pytest.raises(OutsideLoopbackError, match=r"192\.0\.2\.1"):
        outside.connect(("192.0.2.1", 443))


def test_a_foreign_name_is_not_even_looked_up() -> None:
    with pytest.raises(OutsideLoopbackError, match="exchange"):
        socket.create_connection(("exchange.invalid", 443))


def test_serving_on_every_interface_is_refused() -> None:
    with socket.socket() as server, pytest.raises(OutsideLoopbackError, match=r"0\.0\.0\.0"):
        server.bind(("0.0.0.0", 0))  # noqa: S104 - the guard has to refuse exactly this


def test_loopback_works() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        (b"127.0.0.1", True),
        ("10.0.0.1", False),
        ("", False),
        ("localhost.example", False),
        ("::ffff:192.0.2.1", False),
    ],
)
def test_only_loopback_names_and_addresses_pass(host: object, allowed: bool) -> None:  # noqa: FBT001 - a table's column
    assert is_loopback(host) is allowed
