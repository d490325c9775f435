"""The box as a process: one line, then service; stopped or killed, it goes on where it was."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bot.exchange.box.client import BoxControl
from bot.exchange.box.server import BoxAddress
from tests.fakes.box_client import ccxt_client

SOL = "SOL/USDT"
PROGRAM = """
import json, sys, msgspec
from bot.exchange.box.config import BoxConfig
from bot.exchange.box.server import serve_forever
serve_forever(msgspec.convert(json.loads(sys.argv[1]), BoxConfig), sys.stdout)
"""


@contextmanager
def box_process(**settings: Any) -> Iterator[tuple[BoxAddress, subprocess.Popen[str]]]:
    command = [sys.executable, "-W", "error", "-c", PROGRAM, json.dumps(settings)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield msgspec.json.decode(process.stdout.readline(), type=BoxAddress), process
        finally:
            process.kill()
            process.wait()


def ended(process: subprocess.Popen[str], number: signal.Signals) -> tuple[int, str, str]:
    """Send a signal and return exit code, further output, complaints."""
    process.send_signal(number)
    rest, complaints = process.communicate(timeout=20)
    return process.returncode, rest, complaints


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_one_line_serves_and_ends_quietly(number: signal.Signals) -> None:
    with box_process(speed=0) as (address, process):
        assert address.rest_url.startswith("http://127.0.0.1:")
        assert address.rest_url.endswith("/api/v3")
        assert address.ws_url == address.rest_url.replace("http", "ws").removesuffix("/api/v3")
        assert address.pid == process.pid
        with ccxt_client(address) as client:
            assert client.fetch_ticker(SOL)["last"] > 0
            assert ended(process, number) == (0, "", "")


def test_the_control_port_can_end_it() -> None:
    with box_process(speed=0) as (address, process):
        with BoxControl(address.control_url, address.control_token) as control:
            control.shutdown()
        assert process.wait(timeout=20) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_restarted_box_has_everything_it_answered_for(tmp_path: Path, number: signal.Signals) -> None:
    settings = {"speed": 0, "state_file": str(tmp_path / "box.json"), "start": "2026-05-03T12:00:00Z"}
    with box_process(**settings) as (address, process):
        with (
            ccxt_client(address) as client,
            BoxControl(address.control_url, address.control_token) as control,
        ):
            client.create_order(SOL, "market", "sell", 2, params={"clientOrderId": "sold"})
            client.create_order(SOL, "limit", "sell", 3, 200, {"clientOrderId": "resting"})
            control.advance(3_600)
            control.set_price(SOL, "130")
            before = control.state()
        ended(process, number)
    with box_process(**settings) as (again, _):
        assert (again.api_key, again.secret, again.control_token) == (
            address.api_key, address.secret, address.control_token,
        )  # fmt: skip
        with ccxt_client(again) as client, BoxControl(again.control_url, again.control_token) as control:
            assert control.state() == before
            assert client.fetch_order(None, SOL, {"origClientOrderId": "sold"})["status"] == "closed"
            assert [order["clientOrderId"] for order in client.fetch_open_orders(SOL)] == ["resting"]
            assert client.create_order(SOL, "market", "sell", 1)["status"] == "closed"


def test_an_answered_order_survives_a_kill_in_the_next_moment(tmp_path: Path) -> None:
    settings = {"speed": 0, "state_file": str(tmp_path / "box.json")}
    with box_process(**settings) as (address, process), ccxt_client(address) as client:
        client.create_order(SOL, "market", "sell", 2, params={"clientOrderId": "sold"})
        ended(process, signal.SIGKILL)
    with box_process(**settings) as (again, _), ccxt_client(again) as client:
        assert client.fetch_order(None, SOL, {"origClientOrderId": "sold"})["status"] == "closed"
        assert client.fetch_balance()["SOL"]["total"] == 118


def test_a_killed_box_whose_time_runs_loses_a_second_or_two_at_most(tmp_path: Path) -> None:
    settings = {"speed": 60, "state_file": str(tmp_path / "box.json"), "start": "2026-05-03T12:00:00Z"}
    with box_process(**settings) as (address, process):
        with BoxControl(address.control_url, address.control_token) as control:
            control.advance(3_600)
            before = control.state()["market_ms"]
        ended(process, signal.SIGKILL)
    with box_process(**settings) as (again, _), BoxControl(again.control_url, again.control_token) as control:
        assert control.state()["market_ms"] >= before - 2_000 * 60


def test_a_damaged_state_file_stops_the_start(tmp_path: Path) -> None:
    path = tmp_path / "box.json"
    path.write_text("{")
    command = [sys.executable, "-c", PROGRAM, json.dumps({"state_file": str(path)})]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert outcome.returncode != 0
    assert outcome.stdout == ""
    assert "StateFileError" in outcome.stderr
    assert path.read_text() == "{"
