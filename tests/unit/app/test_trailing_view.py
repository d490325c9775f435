"""What the screens tell of a stop that follows the price."""

import datetime as dt
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bot.app.next_steps import next_steps
from bot.app.overrides import words_of_trailing
from bot.app.trailing_view import trail_of, trailing_view, trailing_words
from bot.holdings.positions import Position
from bot.lifecycle.documents import Exits, ManagedAsset
from bot.lifecycle.states import IN_THE_BOTS_HANDS, AssetState

D = Decimal
NOW = dt.datetime(2026, 5, 3, 12, tzinfo=dt.UTC)
ENTRY = ManagedAsset(
    state=AssetState.MANAGED_ACTIVE,
    exits=Exits.ON,
    current_proposal_id="p1",
    approved_quantity=D(10),
    reference_price=D(100),
    stop_loss=D(90),
    take_profit=D(160),
    trailing={"enabled": True, "distance": D(10)},
)
LIFTED = Position(
    asset="SOL",
    quantity=D(10),
    entry_price=D(100),
    reference_price=D(100),
    stop_loss=D(110),
    take_profit=D(160),
    proposal_id="p1",
    opened_at=NOW,
    highest_price=D(120),
    trailing_from=NOW,
    tick_size=D("0.01"),
)


def changed(value: Any, **changes: Any) -> Any:
    return msgspec.structs.replace(value, **changes)


def words(entry: ManagedAsset = ENTRY, position: Position | None = LIFTED) -> str:
    view = trailing_view(entry, position)
    assert view is not None
    return trailing_words(view)


def test_a_lifted_stop_is_told_with_what_it_hangs_on() -> None:
    view = trailing_view(ENTRY, LIFTED)
    assert view is not None
    assert (view.live_stop_loss, view.agreed_stop_loss, view.highest_price) == (D(110), D(90), D(120))
    assert view.is_lifted
    assert words() == "10 below the highest price, 120; the agreed stop is 90"


def test_a_stop_that_waits_says_for_what() -> None:
    fresh = changed(LIFTED, highest_price=None, trailing_from=None, tick_size=None)
    assert words(position=fresh) == "10 below the highest price, as soon as that is above the agreed stop"
    later = changed(ENTRY, trailing={"enabled": True, "distance": D(10), "activation_price": D(130)})
    assert words(later) == "10 below the highest price, from 130 on; until then the agreed stop stands"


def test_a_stop_that_stands_still_is_told_as_before() -> None:
    assert trailing_view(changed(ENTRY, trailing=None), LIFTED) is None
    assert trailing_view(changed(ENTRY, trailing={"enabled": False}), LIFTED) is None


@pytest.mark.parametrize("state", [state for state in AssetState if state not in IN_THE_BOTS_HANDS])
def test_nothing_follows_outside_the_bots_hands(state: AssetState) -> None:
    assert trailing_view(changed(ENTRY, state=state), LIFTED) is None


@pytest.mark.parametrize(
    "position", [None, changed(LIFTED, closed_at=NOW), changed(LIFTED, proposal_id="p0")]
)
def test_what_an_earlier_agreement_saw_counts_no_more(position: Position | None) -> None:
    assert trail_of(ENTRY, position) is None
    view = trailing_view(ENTRY, position)
    assert view is not None
    assert not view.is_lifted


def test_the_next_steps_name_the_live_stop() -> None:
    told = next_steps("SOL", ENTRY, None, last=D(115), worker_alive=True, trail=LIFTED.trail)
    assert (told[0].what, told[0].price) == ("sell 10 SOL at market (stop that followed the price)", D(110))
    before = next_steps("SOL", ENTRY, None, last=D(95), worker_alive=True)
    assert (before[0].what, before[0].price) == ("sell 10 SOL at market (stop)", D(90))


@pytest.mark.parametrize(
    ("terms", "told"),
    [
        (None, "off"),
        ({"enabled": False}, "off"),
        ({"enabled": True}, "on"),
        ({"enabled": True, "distance": D("4.50")}, "on, 4.5 below the highest price"),
        (
            {"enabled": True, "distance": D(4), "activation_price": D(160)},
            "on, 4 below the highest price, from 160 on",
        ),
    ],
)
def test_agreed_terms_are_told_in_few_words(terms: dict[str, Any] | None, told: str) -> None:
    assert words_of_trailing(terms) == told
