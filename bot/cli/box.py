"""`bot box serve`: a ready-made exchange on loopback, for this home or for any ccxt program."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import msgspec
from dateutil import parser as date_parser

from bot.app.box_process import serve_box
from bot.app.connection import BoxConnection
from bot.cli.help import Group
from bot.cli.screen import Screen, invocation, json_option
from bot.kernel.errors import UsageError
from bot.kernel.ids import is_asset
from bot.storage.home import Home


class Amounts(click.ParamType[dict[str, Decimal]]):
    """Amounts per coin, such as `SOL=25,USDT=5000`."""

    name = "amounts"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, Decimal]:
        """Return the amounts by coin."""
        found: dict[str, Decimal] = {}
        for item in str(value).split(","):
            asset, _, amount = item.strip().partition("=")
            if not is_asset(asset) or not amount.replace(".", "", 1).isdigit():
                self.fail(f"{item!r} is not an amount such as SOL=25", param, ctx)
            found[asset] = Decimal(amount)
        return found


@click.group(cls=Group)
def box() -> None:
    """The exchange in a box: Binance Spot's interface on loopback, with a market of its own."""


@box.command(
    "serve", epilog="Examples: bot box serve · bot box serve --port 0 --json · bot box serve --replay FOLDER"
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="0 takes a free one."
)
@click.option("--seed", type=int, default=7, show_default=True, help="The same seed gives the same market.")
@click.option(
    "--speed",
    type=click.FloatRange(0, 1_000_000),
    default=1.0,
    show_default=True,
    help="Market seconds per second; 0: only by step.",
)
@click.option("--wallet", type=Amounts(), help="What the account holds, as SOL=25,USDT=5000.")
@click.option("--start", help="Market time at the start (ISO-8601 with a zone).")
@click.option(
    "--replay",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of OHLCV files to replay.",
)
@click.option("--timeframe", default="1h", show_default=True, help="Timeframe of the replayed files.")
@click.option(
    "--extra-coins",
    type=click.IntRange(0, 999),
    default=0,
    show_default=True,
    help="How many made-up coins (C001 …) trade besides.",
)
@click.option(
    "--real-limits", is_flag=True, help="Refuse too many requests, orders or sockets as the real one does."
)
@click.option(
    "--script",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON file of control calls that happen as market time passes.",
)
@click.option(
    "--state-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keeps the exchange over restarts; in a home by default.",
)
@click.option("--stop-with-parent", type=int, hidden=True)
@json_option
def serve(
    screen: Screen,
    *,
    port: int,
    seed: int,
    speed: float,
    wallet: dict[str, Decimal] | None,
    start: str | None,
    replay: Path | None,
    timeframe: str,
    extra_coins: int,
    real_limits: bool,
    script: Path | None,
    state_file: Path | None,
    stop_with_parent: int | None,
) -> None:
    """Serve until stopped; the first line says how to reach it."""
    home = Home(invocation().home.resolve())

    def announce(address: BoxConnection) -> None:
        if screen.as_json:
            click.echo(json.dumps(msgspec.to_builtins(address)))
            return
        screen.line(f"The exchange in a box serves at {address.rest_url} (process {address.pid}).")
        if home.run.is_dir():
            screen.line(f"Commands of the home {home.root} find it by themselves. Stop it with Ctrl-C.")
        else:
            screen.line(f"Streams: {address.ws_url}, operator's port: {address.control_url}")
            screen.line(f"key {address.api_key}, secret {address.secret}, token {address.control_token}")

    options: dict[str, Any] = {"seed": seed, "speed": speed, "port": port, "replay_timeframe": timeframe}
    if wallet is not None:
        options["wallet"] = wallet
    if start is not None:
        options["start"] = _moment(start)
    if replay is not None:
        options["replay_folder"] = str(replay)
    if extra_coins:
        options["extra_coins"] = extra_coins
    if script is not None:
        options["script_file"] = str(script)
    serve_box(
        home,
        options,
        state_file=state_file,
        announce=announce,
        stop_with_parent=stop_with_parent,
        has_real_limits=real_limits,
    )


def _moment(value: str) -> Any:
    try:
        moment = date_parser.isoparse(value)
    except ValueError as error:
        raise UsageError(f"{value!r} is no time.", why=f"{error}.") from error
    if moment.tzinfo is None:
        raise UsageError(
            f"{value!r} names no zone.", why="Write it with Z, for example 2021-05-01T00:00:00Z."
        )
    return moment
