"""Starts the box: in a thread for tests, or as a process that serves until it is stopped."""

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from queue import Queue
from types import TracebackType
from typing import Self, TextIO

import msgspec
from aiohttp import web

from bot.exchange.box import persistence
from bot.exchange.box.client import BoxControl
from bot.exchange.box.clock import NanosecondSource, machine_time_ns
from bot.exchange.box.config import BoxConfig
from bot.exchange.box.control import ControlApp
from bot.exchange.box.desk import Desk
from bot.exchange.box.exchange import Exchange, Snapshot, new_snapshot
from bot.exchange.box.faults import Faults
from bot.exchange.box.rest_app import RestApp
from bot.exchange.box.script_player import ControlError
from bot.exchange.box.stream_hub import StreamHub
from bot.exchange.box.ws_api import PATH as WS_API_PATH
from bot.exchange.box.ws_api import ApiSockets
from bot.exchange.box.ws_market import MarketSockets, is_market_path
from bot.exchange.box.ws_socket import Sockets
from bot.kernel.errors import SettingsError

LOOPBACK = "127.0.0.1"
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
_SHUTDOWN_S = 1.0
_KEEP_EVERY_S = 1.0


class BoxAddress(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach a running box; the first line that it prints."""

    rest_url: str
    """Ends in `/api/v3`."""
    ws_url: str
    """The origin; streams under `/stream/ws`, the API under `/ws-api/v3`."""
    api_key: str
    secret: str
    control_url: str
    control_token: str
    pid: int


class RunningBox:
    """A box that runs in a thread of this process; a context manager that stops it."""

    def __init__(self, address: BoxAddress, thread: threading.Thread, stop: Callable[[], None]) -> None:
        self.address = address
        self.rest_url = address.rest_url
        self.ws_url = address.ws_url
        self.api_key = address.api_key
        self.secret = address.secret
        self.control_url = address.control_url
        self.control_token = address.control_token
        self.control = BoxControl(address.control_url, address.control_token)
        self._thread = thread
        self._stop = stop

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop the box and wait until it has; stopping twice is no error."""
        self.control.close()
        self._stop()
        self._thread.join()


def start_box(config: BoxConfig, *, time_source: NanosecondSource = machine_time_ns) -> RunningBox:
    """Start a box in a thread and return when it answers.

    Raises:
        SettingsError: For an impossible configuration or a taken port.
        StateFileError: For a state file that cannot be read.
    """
    exchange = open_exchange(config, time_source=time_source)
    ready: Queue[tuple[BoxAddress, Callable[[], None]] | SettingsError] = Queue()

    async def main() -> None:
        stopping, loop = asyncio.Event(), asyncio.get_running_loop()

        def stop() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(stopping.set)

        await _serve(exchange, config, stopping, lambda address: ready.put((address, stop)))

    def run() -> None:
        try:
            asyncio.run(main())
        except SettingsError as error:
            ready.put(error)

    thread = threading.Thread(target=run, name="box", daemon=True)
    thread.start()
    outcome = ready.get()
    if isinstance(outcome, SettingsError):
        thread.join()
        raise outcome
    address, stop = outcome
    return RunningBox(address, thread, stop)


def serve_forever(config: BoxConfig, out: TextIO, *, time_source: NanosecondSource = machine_time_ns) -> None:
    """Serve until SIGTERM, SIGINT or a control shutdown; the first line out is the address as JSON.

    Raises:
        SettingsError: For an impossible configuration or a taken port.
        StateFileError: For a state file that cannot be read.
    """
    exchange = open_exchange(config, time_source=time_source)

    def announce(address: BoxAddress) -> None:
        out.write(msgspec.json.encode(address).decode() + "\n")
        out.flush()

    async def main() -> None:
        stopping, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        await _serve(exchange, config, stopping, announce)

    asyncio.run(main())


def open_exchange(config: BoxConfig, *, time_source: NanosecondSource) -> Exchange:
    """Return the exchange of the state file, or a new one where there is none.

    A kept exchange goes on with its own configuration and keys; only ports may differ.
    """
    config = config.checked()
    kept: Snapshot | None = None
    if config.state_file is not None:
        kept = persistence.load(Path(config.state_file))
    exchange = Exchange(kept or new_snapshot(config, time_source=time_source), time_source=time_source)
    if config.state_file is not None and kept is None:
        persistence.save(Path(config.state_file), exchange.snapshot())
    return exchange


async def _serve(
    exchange: Exchange,
    config: BoxConfig,
    stopping: asyncio.Event,
    announce: Callable[[BoxAddress], None],
) -> None:
    def keep() -> None:
        if config.state_file is not None:
            persistence.save(Path(config.state_file), exchange.snapshot())

    faults = Faults()
    hub = StreamHub(exchange, faults, keep)
    desk = Desk(exchange, keep=keep, wake=hub.wake)
    rest = RestApp(desk, faults)
    sockets = Sockets(hub, ping_every_s=config.ping_every_s, life_s=config.connection_life_s)
    front = _front(rest, MarketSockets(hub, sockets), ApiSockets(desk, hub, sockets, faults))
    control = ControlApp(exchange, faults, rest, hub, keep=keep, stop=stopping.set)
    if config.script_file is not None:
        _begin_script(control, Path(config.script_file))
    runners = [
        web.ServerRunner(web.Server(handler, access_log=None), shutdown_timeout=_SHUTDOWN_S)
        for handler in (front, control.handle)
    ]
    pulse = asyncio.create_task(hub.run())
    try:
        ports = [
            await _listen(runner, port)
            for runner, port in zip(runners, (config.port, config.control_port), strict=True)
        ]
        announce(_address(exchange, *ports))
        await _until(stopping, pulse, exchange, keep)
    finally:
        pulse.cancel()
        await hub.close_all()
        for runner in runners:
            await runner.cleanup()
        exchange.sync()
        keep()


def _begin_script(control: ControlApp, path: Path) -> None:
    try:
        control.begin(persistence.load_script(path))
    except ControlError as error:
        raise persistence.unplayable(path, str(error)) from error


def _front(rest: RestApp, market: MarketSockets, api: ApiSockets) -> Handler:
    """Return the handler of the one port that speaks REST and WebSocket."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return await rest.handle(request)
        if is_market_path(request.path):
            return await market.handle(request)
        if request.path == WS_API_PATH:
            return await api.handle(request)
        return web.Response(status=HTTPStatus.NOT_FOUND)

    return handle


async def _until(
    stopping: asyncio.Event, pulse: asyncio.Task[None], exchange: Exchange, keep: Callable[[], None]
) -> None:
    """Wait for the end; meanwhile let the market go on, and keep its time once a second."""
    while not stopping.is_set():
        if pulse.done():  # the streams never end by themselves: what broke them ends the box
            pulse.result()
        before = exchange.now_ms
        try:
            await asyncio.wait_for(stopping.wait(), _KEEP_EVERY_S)
        except TimeoutError:
            if exchange.sync() != before:
                keep()


async def _listen(runner: web.ServerRunner, port: int) -> int:
    await runner.setup()
    try:
        await web.TCPSite(runner, LOOPBACK, port).start()
    except OSError as error:
        raise SettingsError(
            f"The box cannot listen on {LOOPBACK}, port {port}",
            why=str(error),
            unchanged="No exchange was started.",
            fix="Choose another port, or 0 for any free one.",
        ) from error
    return int(runner.addresses[0][1])


def _address(exchange: Exchange, port: int, control_port: int) -> BoxAddress:
    return BoxAddress(
        rest_url=f"http://{LOOPBACK}:{port}/api/v3",
        ws_url=f"ws://{LOOPBACK}:{port}",
        api_key=exchange.credentials.api_key,
        secret=exchange.credentials.secret,
        control_url=f"http://{LOOPBACK}:{control_port}",
        control_token=exchange.credentials.control_token,
        pid=os.getpid(),
    )
