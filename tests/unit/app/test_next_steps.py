"""What comes next, and at which price."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from bot.app.next_steps import next_steps, why_nothing
from bot.lifecycle.documents import ExitIntent, ExitReason, Exits, ManagedAsset, PendingProposal, ReleaseMode
from bot.lifecycle.states import AssetState as S

NOW = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
LEVELS: dict[str, Any] = {
    "approved_quantity": Decimal(10),
    "stop_loss": Decimal(90),
    "take_profit": Decimal(120),
    "atr": Decimal(4),
    "exits": Exits.ON,
}


def told(
    entry: ManagedAsset, last: Decimal | None = None, *, worker: bool = True
) -> list[tuple[str, Any, Any]]:
    steps = next_steps("SOL", entry, None, last=last, worker_alive=worker)
    return [(step.what, step.price, step.distance_pct) for step in steps]


@pytest.mark.parametrize("state", [S.MANAGED_ACTIVE, S.MANAGED_PAUSED])
def test_an_armed_stop_and_target_are_told_with_their_distance(state: S) -> None:
    assert told(ManagedAsset(state=state, **LEVELS), Decimal(100)) == [
        ("sell 10 SOL at market (stop)", Decimal(90), Decimal("-10.00")),
        ("sell 10 SOL at market (target)", Decimal(120), Decimal("20.00")),
    ]
    step = next_steps("SOL", ManagedAsset(state=state, **LEVELS), None, last=Decimal(100), worker_alive=True)[
        0
    ]
    assert step.distance_atr == Decimal("2.5")


def test_without_a_price_the_distance_is_left_out() -> None:
    assert told(ManagedAsset(state=S.MANAGED_ACTIVE, **LEVELS))[0][2] is None


def test_levels_set_by_hand_are_the_ones_that_count() -> None:
    entry = ManagedAsset(state=S.MANAGED_ACTIVE, **LEVELS, overrides={"stop_loss": Decimal(95)})
    assert told(entry)[0][1] == Decimal(95)


def test_what_was_sold_is_not_sold_again() -> None:
    entry = ManagedAsset(state=S.MANAGED_ACTIVE, **LEVELS, sold_quantity=Decimal(4))
    assert told(entry)[0][0] == "sell 6 SOL at market (stop)"


def test_hands_off_means_that_nothing_is_sold() -> None:
    assert told(ManagedAsset(state=S.MANAGED_PAUSED, **{**LEVELS, "exits": Exits.OFF})) == []


def test_an_ordered_sale_comes_first() -> None:
    assert (
        told(ManagedAsset(state=S.MANAGED_ACTIVE, **LEVELS, force_exit=True))[0][0] == "sell 10 SOL at market"
    )


def test_an_order_in_flight_is_all_there_is() -> None:
    intent = ExitIntent(
        client_order_id="mh-1",
        quantity=Decimal(10),
        reason=ExitReason.STOP_LOSS,
        trigger_price=Decimal(89),
        opened_at=NOW,
    )
    steps = told(ManagedAsset(state=S.MANAGED_ACTIVE, **LEVELS, exit_intent=intent))
    assert [step[0] for step in steps] == ["the fill of exit order mh-1 is booked"]


@pytest.mark.parametrize(("mode", "count"), [(ReleaseMode.GRACEFUL, 3), (ReleaseMode.IMMEDIATE, 1)], ids=str)
def test_a_release_ends_in_frozen(mode: ReleaseMode, count: int) -> None:
    steps = told(ManagedAsset(state=S.RELEASE_PENDING, **LEVELS, release_mode=mode))
    assert len(steps) == count
    assert steps[-1][0] == "SOL goes back to frozen, to its owner,"


def test_a_graceful_release_with_exits_off_says_that_it_waits() -> None:
    entry = ManagedAsset(
        state=S.RELEASE_PENDING, **{**LEVELS, "exits": Exits.OFF}, release_mode=ReleaseMode.GRACEFUL
    )
    assert told(entry) == []
    assert "its exits are off" in str(why_nothing(entry))


def test_a_waiting_proposal_is_told_with_its_end() -> None:
    pending = PendingProposal(
        proposal_id="p", state=S.RISK_PROPOSED, requested_at=NOW, requested_by_user_id="ann", expires_at=NOW
    )
    (step,) = next_steps("SOL", ManagedAsset(state=S.RISK_PROPOSED), pending, last=None, worker_alive=True)
    assert step.at == NOW


def test_who_makes_the_proposal_is_said_where_nobody_works() -> None:
    (step,) = next_steps("SOL", ManagedAsset(state=S.PROPOSAL_PENDING), None, last=None, worker_alive=False)
    assert "bot worker --once" in step.when


@pytest.mark.parametrize("state", list(S))
def test_every_state_has_a_next_step_or_a_reason_for_none(state: S) -> None:
    entry = ManagedAsset(state=state, **LEVELS)
    assert bool(told(entry)) is (why_nothing(entry) is None) or state is S.MANAGED_DRIFT_ALERT
