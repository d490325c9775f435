"""What a restore and an adoption may change, and what they never may."""

import datetime as dt
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bot.kernel.errors import RefusedError
from bot.lifecycle.change import Act
from bot.lifecycle.commands import CommandType
from bot.lifecycle.documents import (
    BuyIntent,
    ExitIntent,
    ExitReason,
    ManagedAsset,
    ManagedStateContent,
    PendingProposal,
    ReleaseMode,
)
from bot.lifecycle.events import EventType
from bot.lifecycle.policy import LifecyclePolicy
from bot.lifecycle.restore_rules import bring_back, changed_assets, merged
from bot.lifecycle.states import IN_THE_BOTS_HANDS, AssetState

NOW = dt.datetime(2026, 5, 3, 12, tzinfo=dt.UTC)
RESTORE, ADOPT = CommandType.RESTORE_MANAGED_STATE, CommandType.ADOPT_MANAGED_STATE
MANAGED = ManagedAsset(
    state=AssetState.MANAGED_ACTIVE,
    current_proposal_id="p-1",
    proposal_digest="d" * 64,
    variant="recommended",
    strategy_group="t1_core",
    approved_quantity=Decimal(10),
    stop_loss=Decimal(90),
    take_profit=Decimal(120),
    promoted_at=NOW,
    promoted_by_user_id="ann",
)
INTENT = ExitIntent(
    client_order_id="x-1",
    quantity=Decimal(10),
    reason=ExitReason.STOP_LOSS,
    trigger_price=Decimal(90),
    opened_at=NOW,
)
BUYING = BuyIntent(
    client_order_id="b-1",
    quantity=Decimal(1),
    limit_price=Decimal(98),
    step=1,
    trigger_price=Decimal(98),
    opened_at=NOW,
)
PENDING = PendingProposal(
    proposal_id="p-2",
    state=AssetState.RISK_PROPOSED,
    requested_at=NOW,
    requested_by_user_id="ann",
    expires_at=NOW + dt.timedelta(days=7),
)


def content(entry: ManagedAsset | None = None, pending: PendingProposal | None = None) -> ManagedStateContent:
    return ManagedStateContent(
        managed_assets={} if entry is None else {"SOL": entry},
        pending_proposals={} if pending is None else {"SOL": pending},
    )


def managed(**fields: Any) -> ManagedAsset:
    return msgspec.structs.replace(MANAGED, **fields)


def act(command_type: CommandType = RESTORE) -> Act:
    policy = LifecyclePolicy(environment="sandbox")
    return Act(
        command_id="c-1",
        type=command_type,
        actor="user_ann",
        asset="*",
        now=NOW,
        accepted_at=NOW,
        policy=policy,
    )


def refused(
    live: ManagedStateContent, wanted: ManagedStateContent, how: CommandType = RESTORE
) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        bring_back(live, act(how), wanted, data={})
    return caught.value


def test_each_changed_asset_is_told_with_before_and_after() -> None:
    live, wanted = content(managed(state=AssetState.MANAGED_PAUSED)), content(MANAGED)
    change = bring_back(live, act(), wanted, data={"restored_from": 4})
    (event,) = change.events
    assert change.content == wanted
    assert (event.type, event.asset, event.actor) == (EventType.STATE_RESTORED, "SOL", "user_ann")
    assert event.before is not None
    assert event.after is not None
    assert event.before["managed"]["state"] == "managed_paused"
    assert event.after["managed"]["state"] == "managed_active"
    assert event.data == {"restored_from": 4}


def test_dr_11_a_coin_may_be_let_go_and_the_admin_is_named() -> None:
    (event,) = bring_back(content(MANAGED), act(), content(), data={}).events
    assert event.after == {"managed": None, "pending": None}
    assert event.actor == "user_ann"


@pytest.mark.parametrize("state", sorted(IN_THE_BOTS_HANDS))
def test_t04_no_coin_comes_into_the_bots_hands_without_an_approval(state: AssetState) -> None:
    wanted = managed(state=state, release_mode=ReleaseMode.GRACEFUL, release_requested_by_user_id="ann")
    error = refused(content(managed(state=AssetState.EXIT_EXECUTED)), content(wanted))
    assert error.code == "content_not_allowed"
    assert "approval" in error.why
    assert refused(content(), content(wanted)).code == "content_not_allowed"


def test_an_earlier_promotion_does_not_come_back_over_a_later_one() -> None:
    later = managed(promoted_at=NOW + dt.timedelta(days=1))
    assert "approval" in refused(content(later), content(MANAGED)).why


@pytest.mark.parametrize(
    ("live", "wanted"),
    [
        (managed(sold_quantity=Decimal(4)), managed(state=AssetState.MANAGED_PAUSED)),
        (managed(approved_quantity=Decimal(4)), managed(state=AssetState.MANAGED_PAUSED)),
        (managed(bought_quantity=Decimal(1)), managed(state=AssetState.MANAGED_PAUSED)),
        (managed(bought_quote=Decimal(9)), MANAGED),
        (MANAGED, managed(bought_quantity=Decimal(1))),
        (MANAGED, managed(stop_loss=Decimal(80))),
        (MANAGED, managed(force_exit=True)),
    ],
    ids=[
        *("forgets a sell", "hands over more", "forgets a buy", "forgets a cost", "makes a buy up"),
        *("changes the agreed stop", "orders a sell"),
    ],
)
def test_what_was_agreed_and_sold_stays(live: ManagedAsset, wanted: ManagedAsset) -> None:
    assert refused(content(live), content(wanted)).code == "content_not_allowed"


@pytest.mark.parametrize(
    "fields", [{"overrides": {"stop_loss": Decimal(1)}}, {"approved_quantity": Decimal(1)}]
)
def test_a_hand_edit_changes_no_figure_of_a_coin_in_the_bots_hands(fields: dict[str, Any]) -> None:
    wanted = content(managed(**fields))
    assert refused(content(MANAGED), wanted, ADOPT).code == "content_not_allowed"
    assert bring_back(content(MANAGED), act(), wanted, data={}).content == wanted


@pytest.mark.parametrize("how", [RESTORE, ADOPT])
def test_r4_an_open_exit_order_refuses_both_ways(how: CommandType) -> None:
    paused = managed(state=AssetState.MANAGED_PAUSED)
    in_flight = managed(exit_intent=INTENT)
    assert refused(content(in_flight), content(paused), how).code == "exit_in_flight"
    assert refused(content(paused), content(in_flight), how).code == "exit_in_flight"


@pytest.mark.parametrize("how", [RESTORE, ADOPT])
def test_r4_an_open_buy_order_refuses_both_ways(how: CommandType) -> None:
    paused = managed(state=AssetState.MANAGED_PAUSED)
    in_flight = managed(buy_intent=BUYING)
    assert refused(content(in_flight), content(paused), how).code == "buy_in_flight"
    assert refused(content(paused), content(in_flight), how).code == "buy_in_flight"


def test_r3_a_decided_proposal_does_not_come_back() -> None:
    waiting = ManagedAsset(state=AssetState.RISK_PROPOSED, current_proposal_id="p-2")
    declined = ManagedAsset(state=AssetState.PROPOSAL_REJECTED, current_proposal_id="p-2")
    assert "R3" in refused(content(declined), content(waiting, PENDING)).why
    assert bring_back(content(waiting, PENDING), act(), content(declined), data={}).content == content(
        declined
    )


def test_a_proposal_without_its_entry_or_an_entry_without_its_proposal_is_refused() -> None:
    waiting = ManagedAsset(state=AssetState.RISK_PROPOSED, current_proposal_id="p-2")
    assert refused(content(MANAGED), content(waiting)).code == "content_not_allowed"
    assert refused(content(), content(None, PENDING)).code == "content_not_allowed"


def test_a_release_that_nobody_asked_for_is_refused() -> None:
    error = refused(content(MANAGED), content(managed(state=AssetState.RELEASE_PENDING)), ADOPT)
    assert "DR-11" in error.why


def test_what_is_so_already_is_refused_as_unchanged() -> None:
    assert refused(content(MANAGED), content(MANAGED)).code == "content_unchanged"


def test_only_what_the_hand_changed_is_taken_over() -> None:
    base = ManagedStateContent(managed_assets={"ETH": MANAGED, "SOL": MANAGED})
    edited = ManagedStateContent(managed_assets={"ETH": MANAGED})
    paused = managed(state=AssetState.MANAGED_PAUSED)
    live = ManagedStateContent(managed_assets={"ETH": paused, "SOL": MANAGED})
    assert merged(live, base, edited) == ManagedStateContent(managed_assets={"ETH": paused})
    assert changed_assets(base, edited) == ("SOL",)


def test_an_edit_never_undoes_what_a_command_did_since() -> None:
    paused = content(managed(state=AssetState.MANAGED_PAUSED))
    with pytest.raises(RefusedError) as caught:
        merged(paused, content(MANAGED), content())
    assert caught.value.code == "state_changed"
