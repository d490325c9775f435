"""What positions keep of a stop that follows the price, and when they forget it."""

import datetime as dt
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bot.holdings.position_sync import synced
from bot.holdings.positions import Position, PositionsContent
from bot.lifecycle.documents import ManagedAsset, ManagedStateContent
from bot.lifecycle.states import AssetState
from tests.unit.holdings.test_position_sync import ENTRY, NOW

D = Decimal
LATER = NOW + dt.timedelta(minutes=5)
ON = msgspec.structs.replace(ENTRY, trailing={"enabled": True, "distance": D(10)})
"""SOL at 100: stop 90, target 130."""


def sync(entry: ManagedAsset, before: Position | None = None) -> PositionsContent:
    positions = PositionsContent(positions={"SOL/USDT": before} if before is not None else {})
    content = ManagedStateContent(managed_assets={"SOL": entry})
    return synced(content, positions, quote="USDT", now=LATER)


def sol(entry: ManagedAsset, before: Position | None = None) -> Position:
    return sync(entry, before).positions["SOL/USDT"]


def lifted() -> Position:
    """Return the position after the price has been at 120."""
    return msgspec.structs.replace(
        sol(ON), stop_loss=D(110), highest_price=D(120), trailing_from=NOW, tick_size=D("0.01")
    )


def told(position: Position) -> tuple[Any, ...]:
    return position.stop_loss, position.highest_price, position.trailing_from, position.tick_size


FORGOTTEN = (None, None, None)


def test_a_coin_is_taken_over_with_its_agreed_stop_and_nothing_seen() -> None:
    assert told(sol(ON)) == (D(90), *FORGOTTEN)
    assert sol(ON).trail is None


def test_what_was_seen_survives_every_following() -> None:
    before = lifted()
    assert sync(ON, before).positions == {"SOL/USDT": before}
    assert told(sol(ON, before)) == (D(110), D(120), NOW, D("0.01"))


@pytest.mark.parametrize(
    ("overrides", "stop", "highest"),
    [
        ({"trailing": {"enabled": True, "distance": D(15)}}, D(105), D(120)),
        ({"trailing": {"enabled": True, "distance": D(5)}}, D(115), D(120)),
        ({"stop_loss": D(115)}, D(115), D(120)),
        ({"stop_loss": D(95)}, D(110), D(120)),
        ({"trailing": {"enabled": False}}, D(90), None),
        ({"trailing": {"enabled": True, "distance": D(10), "activation_price": D(121)}}, D(90), None),
        ({"trailing": {"enabled": True, "distance": D(10), "activation_price": D(120)}}, D(110), D(120)),
    ],
)
def test_an_override_counts_at_once(overrides: dict[str, Any], stop: Decimal, highest: Any) -> None:
    now = sol(msgspec.structs.replace(ON, overrides=overrides), lifted())
    assert (now.stop_loss, now.highest_price) == (stop, highest)


def test_switched_off_and_on_again_it_begins_anew() -> None:
    off = sol(msgspec.structs.replace(ON, overrides={"trailing": {"enabled": False}}), lifted())
    assert told(sol(ON, off)) == (D(90), *FORGOTTEN)


def test_a_new_promotion_begins_anew() -> None:
    again = msgspec.structs.replace(ON, current_proposal_id="p2", stop_loss=D(100))
    assert told(sol(again, lifted())) == (D(100), *FORGOTTEN)


def test_a_pause_and_a_drift_of_the_price_leave_the_stop_where_it_is() -> None:
    for state in (AssetState.MANAGED_PAUSED, AssetState.MANAGED_DRIFT_ALERT, AssetState.RELEASE_PENDING):
        assert told(sol(msgspec.structs.replace(ON, state=state), lifted())) == told(lifted())


def test_a_closed_position_keeps_what_lifted_its_stop() -> None:
    closed = sol(msgspec.structs.replace(ON, state=AssetState.EXIT_EXECUTED), lifted())
    assert not closed.is_open
    assert told(closed) == told(lifted())
