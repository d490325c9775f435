"""A home whose coins all are in the bot's hands with a stop below the price, and the bot that guards it."""

import contextlib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.daemons import daemon_at
from benchmarks.homes import BenchApp
from bot.app.connection import BoxConnection, write_box
from bot.app.new_home import initialise_home
from bot.lifecycle.documents import Exits, ManagedAsset, ManagedStateContent
from bot.lifecycle.states import AssetState
from bot.storage.documents import MANAGED_STATE

_STOP, _TARGET, _ATR = Decimal("0.95"), Decimal("1.5"), Decimal("0.2")
_WORTH = Decimal(200)
_GRID = Decimal("0.0001")


def guarded_home(
    root: Path, box: Mapping[str, Any], prices: Mapping[str, Decimal]
) -> tuple[BenchApp, dict[str, Decimal]]:
    """Make the home; return it and the stop of each coin."""
    initialise_home(root, environment="sandbox")
    app = BenchApp(root, environ={})
    write_box(app.home, msgspec.convert(box, BoxConnection))
    entries = {asset: _entry(asset, price, app) for asset, price in prices.items()}
    with app.store.transaction() as work:
        work.commit(MANAGED_STATE, ManagedStateContent(managed_assets=entries), commands=(), events=())
    return app, {asset: entry.stop_loss or Decimal(0) for asset, entry in entries.items()}


@contextlib.contextmanager
def running(app: BenchApp) -> Iterator[int]:
    """Yield the pid of a `bot run` in the home."""
    with daemon_at(app, "run") as pid:
        yield pid


def _entry(asset: str, price: Decimal, app: BenchApp) -> ManagedAsset:
    return ManagedAsset(
        state=AssetState.MANAGED_ACTIVE,
        exits=Exits.ON,
        current_proposal_id=f"proposal-{asset.lower()}",
        proposal_digest="0" * 64,
        variant="recommended",
        approved_quantity=(_WORTH / price).quantize(Decimal(1)) + 1,
        reference_price=price,
        reference_regime="SIDEWAYS",
        atr=(price * _ATR).quantize(_GRID),
        synthetic_entry=price,
        synthetic_entry_method="current_price",
        stop_loss=(price * _STOP).quantize(_GRID),
        take_profit=(price * _TARGET).quantize(_GRID),
        max_allocation_usdt=Decimal(1_000),
        strategy_group="t1_core",
        promoted_at=app.clock.now(),
        promoted_by_user_id="operator",
    )
