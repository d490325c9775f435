"""Cards: what happens when reality and record differ (D1 to D5, Q-MH-7, T10, T11, T12, T20, SR-15)."""

import datetime as dt
import os
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bot.app.upkeep import Upkeep
from bot.execution.orders import OrderRequest, OrderType, Side
from bot.kernel.errors import StateFileError, StopRuleBrokenError
from bot.lifecycle.commands import CommandType
from bot.lifecycle.documents import Drift, ExitReason, Exits, ManagedAsset
from bot.lifecycle.states import AssetState
from bot.risk.order_gates import GateFacts, check_exit
from bot.storage.documents import BASELINE_HOLDINGS, POSITIONS
from bot.storage.positions_writer import write_positions
from bot.trading.baseline_bootstrap import check_baseline
from tests.fakes.bot_world import WALLET, BotWorld, bot_world, words_of
from tests.fakes.box_client import ccxt_client
from tests.fakes.cli_calls import call
from tests.fakes.home_checks import assert_home_is_whole, audit_of, audit_types, refusal_codes

ALERT, ACTIVE = AssetState.MANAGED_DRIFT_ALERT, AssetState.MANAGED_ACTIVE
D = Decimal


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BotWorld]:
    """SOL is in the bot's hands; what was bought and sold adds up at the end."""
    with bot_world(tmp_path / "home") as made:
        made.hand_over("SOL")
        yield made
        sold = sum((trade.quantity for trade in made.app.gateway.own_trades("SOL/USDT")), D(0))
        if "SOL" in made.managed.managed_assets:
            assert (made.entry("SOL").sold_quantity or D(0)) <= sold
        assert_home_is_whole(made.app)


def resume(world: BotWorld, **words: Any) -> str:
    world.wait(1)
    outcome = world.ask(CommandType.RESUME_MANAGED_ASSET, "SOL", reason="looked", override=True, **words)
    return outcome.code


def drift_of(entry: ManagedAsset) -> Drift:
    assert entry.drift is not None
    return entry.drift


def leave_the_band(world: BotWorld, atr: str = "2.1") -> Decimal:
    """Move the price up, out of the band of two ATR and below the target."""
    entry = world.entry("SOL")
    price = (entry.reference_price or D(0)) + D(atr) * (entry.atr or D(0))
    assert price < (entry.take_profit or D(0))
    world.set_price("SOL", price)
    return price.quantize(D("0.01"))


def take_away(world: BotWorld, quantity: Decimal | int) -> None:
    world.box.control.withdraw("SOL", D(quantity))


def lose(world: BotWorld, lost: Decimal) -> None:
    """Make the position on the disk say less than was agreed."""
    with world.app.store.transaction() as transaction:
        content = transaction.current(POSITIONS).content
        held = content.positions["SOL/USDT"]
        less = msgspec.structs.replace(held, quantity=held.quantity - lost)
        write_positions(
            transaction, msgspec.structs.replace(content, positions={**content.positions, "SOL/USDT": less})
        )


def test_d1_a_position_off_its_agreement_stops_the_bot_before_any_order(world: BotWorld) -> None:
    approved = world.entry("SOL").approved_quantity or D(0)
    lose(world, approved / 2)
    world.fall_to_stop("SOL")
    report = world.cycle()
    assert words_of(report) == ["drift"], "the stop is due, and the quantity is in doubt"
    assert world.orders_sent() == 0
    entry = world.entry("SOL")
    assert (entry.state, drift_of(entry).kind) == (ALERT, "qty")
    assert drift_of(entry).evidence["record_quantity"] == approved
    assert words_of(world.cycle()) in ([], ["drift"]), "the price may add its own alarm, once"
    assert resume(world, accept="current") == "applied"
    assert world.entry("SOL").approved_quantity == approved / 2
    assert words_of(world.cycle())[:3] == ["followed", "exit_sent", "exit_filled"]
    left = approved / 2 - (world.entry("SOL").sold_quantity or D(0))
    assert 0 <= left < D("0.001"), "less than the exchange's step"


def test_d1_explain_tells_both_numbers_in_words_and_no_inner_form(world: BotWorld) -> None:
    lose(world, (world.entry("SOL").approved_quantity or D(0)) / 2)
    world.cycle()
    told = call(world.root, "explain", "SOL", "--offline").out
    assert "drift of kind qty" in told
    assert f"record quantity: {world.entry('SOL').approved_quantity}" in told
    assert "Decimal(" not in told


def test_d2_coins_that_left_the_wallet_stop_every_order(world: BotWorld) -> None:
    approved = world.entry("SOL").approved_quantity or D(0)
    take_away(world, WALLET["SOL"] - approved + 2)
    report = world.cycle()
    assert [(step.what, step.alarm) for step in report.steps] == [("drift", True)]
    evidence = drift_of(world.entry("SOL")).evidence
    assert (evidence["record_quantity"], evidence["current_quantity"]) == (approved, approved - 2)
    assert {"record_source", "current_source", "current_at"} <= evidence.keys()
    world.fall_to_stop("SOL")
    for _ in range(3):
        world.cycle()
    assert world.orders_sent() == 0


def test_d2_coins_that_the_owner_sold_by_hand_are_seen_too(world: BotWorld) -> None:
    world.box.control.external_trade("SOL/USDT", "sell", WALLET["SOL"] - 1)
    assert words_of(world.cycle()) == ["foreign_trade", "drift"]
    assert drift_of(world.entry("SOL")).kind == "wallet_external"


def test_d2_what_is_bound_in_own_open_orders_is_there(world: BotWorld) -> None:
    """The total counts, not what is free."""
    with ccxt_client(world.box) as client:
        client.load_markets()
        client.create_order("SOL/USDT", "limit", "sell", 20, world.box.control.price("SOL/USDT") * 2)
    assert words_of(world.cycle()) == []
    assert world.managed.state_of("SOL") is ACTIVE


def test_d2_the_owners_further_coins_are_no_drift(world: BotWorld) -> None:
    world.box.control.deposit("SOL", "1000")
    assert words_of(world.cycle()) == []


def test_d3_a_proposal_that_no_record_names_goes_to_the_attic(world: BotWorld) -> None:
    home = world.app.home
    known = home.proposals / f"{world.entry('SOL').current_proposal_id}.json"
    stray = known.with_name("stray.json")
    shutil.copy(known, stray)
    old = (world.clock.now() - dt.timedelta(days=1)).timestamp()
    for path in (known, stray):
        os.utime(path, (old, old))
    told = {step.what: step.sentence for step in Upkeep(world.app).run_due(world.clock.now())}
    assert "stray" in told["orphaned_proposals"]
    assert (home.attic / "stray.json").exists()
    assert known.exists()
    assert not stray.exists()


def test_d4_a_baseline_that_says_managed_without_an_agreement_refuses_the_start(world: BotWorld) -> None:
    baseline = world.app.store.read(BASELINE_HOLDINGS).content
    line = msgspec.convert({"policy": "managed", "quantity": 2}, type(baseline.assets["ETH"]), strict=False)
    wrong = msgspec.structs.replace(baseline, assets={**baseline.assets, "ETH": line})
    with pytest.raises(StateFileError, match="ETH"):
        check_baseline(wrong, world.managed)


def test_d5_a_coin_that_is_listed_nowhere_stays_frozen(world: BotWorld) -> None:
    world.box.control.deposit("DOGE", "500")
    assert words_of(world.cycle()) == []
    baseline = world.app.store.read(BASELINE_HOLDINGS).content
    assert baseline.policy_of("DOGE").value == "frozen"
    assert world.managed.state_of("DOGE") is AssetState.FROZEN


def test_t10_one_drift_is_one_alarm_over_many_cycles_and_restarts(world: BotWorld) -> None:
    leave_the_band(world)
    assert [step.what for step in world.cycle().alarms] == ["drift"]
    for _ in range(3):
        assert words_of(world.cycle()) == []
    world.restart()
    assert words_of(world.cycle()) == []
    assert audit_types(world.app, "SOL").count("drift_detected") == 1
    event = next(r for r in audit_of(world.app, "SOL") if r["type"] == "managed.drift_detected")
    assert (event["actor"], event["data"]["drift_kind"]) == ("bot", "price")
    assert (
        event["data"]["evidence"]["current_price"] == drift_of(world.entry("SOL")).evidence["current_price"]
    )


def test_t20_a_price_drift_keeps_the_agreed_stop_and_target_armed(world: BotWorld) -> None:
    leave_the_band(world)
    world.cycle()
    assert world.managed.state_of("SOL") is ALERT
    world.set_price("SOL", (world.entry("SOL").take_profit or D(0)) + 1)
    assert words_of(world.cycle())[:2] == ["exit_sent", "exit_filled"]
    entry = world.entry("SOL")
    assert entry.state is AssetState.EXIT_EXECUTED
    assert (entry.history[-1].from_state, entry.history[-1].actor) == (ALERT, "bot")


def test_t11_accepting_todays_price_makes_it_the_new_reference(world: BotWorld) -> None:
    price = leave_the_band(world)
    world.cycle()
    outcome = world.ask(CommandType.RESUME_MANAGED_ASSET, "SOL", reason="x")
    assert outcome.code == "resume_needs_override"
    assert resume(world, accept="current") == "applied"
    entry = world.entry("SOL")
    assert (entry.state, entry.drift, entry.reference_price) == (ACTIVE, None, price)
    assert words_of(world.cycle()) in ([], ["followed"])


def test_t11_accepting_never_raises_the_quantity(world: BotWorld) -> None:
    approved = world.entry("SOL").approved_quantity or D(0)
    take_away(world, WALLET["SOL"] - approved + 2)
    world.cycle()
    world.box.control.deposit("SOL", "1")
    assert words_of(world.cycle()) == ["drift_updated"], "what is there now is what would be accepted"
    assert resume(world, accept="current") == "applied"
    assert world.entry("SOL").approved_quantity == approved - 1
    world.box.control.deposit("SOL", "100")
    world.fall_to_stop("SOL")
    world.cycle()
    assert world.entry("SOL").sold_quantity == approved - 1


def test_t11_by_override_alone_the_drift_is_tolerated_as_it_is_and_told_again_when_it_grows(
    world: BotWorld,
) -> None:
    approved = world.entry("SOL").approved_quantity or D(0)
    take_away(world, WALLET["SOL"] - approved + 2)
    world.cycle()
    assert resume(world) == "applied"
    assert words_of(world.cycle()) == []
    assert world.managed.state_of("SOL") is ACTIVE
    assert refusal_codes(world.app) == [], "what is tolerated is not even asked for again"
    take_away(world, 4)
    assert words_of(world.cycle()) == ["drift"]
    assert world.managed.state_of("SOL") is ALERT


def test_t11_a_drift_that_went_by_itself_waits_for_a_person_in_the_alert(world: BotWorld) -> None:
    leave_the_band(world)
    world.cycle()
    world.set_price("SOL", world.entry("SOL").reference_price or D(0))
    assert words_of(world.cycle()) == ["drift_gone"]
    assert words_of(world.cycle()) == []
    entry = world.entry("SOL")
    assert entry.state is ALERT
    assert drift_of(entry).gone_at is not None
    assert resume(world) == "applied"
    assert world.entry("SOL").drift is None
    assert words_of(world.cycle()) == []


def test_a_drift_that_comes_back_in_the_alert_is_told_again(world: BotWorld) -> None:
    leave_the_band(world)
    world.cycle()
    world.set_price("SOL", world.entry("SOL").reference_price or D(0))
    world.cycle()
    leave_the_band(world)
    assert [(step.what, step.alarm) for step in world.cycle().steps] == [("drift_back", True)]


def test_t12_out_of_an_alert_the_coin_may_be_released(world: BotWorld) -> None:
    take_away(world, WALLET["SOL"])
    world.cycle()
    assert world.ask(CommandType.RELEASE_MANAGED_ASSET, "SOL", mode="immediate").code == "applied"
    assert words_of(world.cycle())[:1] == ["released"]
    assert world.managed.state_of("SOL") is AssetState.FROZEN
    assert world.orders_sent() == 0


def test_in_a_pause_drift_is_recorded_and_holds_the_resume_back_until_it_is_gone(world: BotWorld) -> None:
    world.pause("SOL", "on")
    leave_the_band(world)
    assert words_of(world.cycle()) == ["drift"]
    assert world.managed.state_of("SOL") is AssetState.MANAGED_PAUSED
    assert words_of(world.cycle()) == []
    assert world.ask(CommandType.RESUME_MANAGED_ASSET, "SOL", reason="x").code == "drift_unresolved"
    world.set_price("SOL", world.entry("SOL").reference_price or D(0))
    assert words_of(world.cycle()) == ["drift_gone"]
    assert world.entry("SOL").drift is None
    world.wait(1)
    assert world.ask(CommandType.RESUME_MANAGED_ASSET, "SOL", reason="x").code == "applied"


def test_in_a_pause_the_graver_drift_is_kept_and_the_other_one_too(world: BotWorld) -> None:
    world.pause("SOL", "on")
    approved = world.entry("SOL").approved_quantity or D(0)
    take_away(world, WALLET["SOL"] - approved + 2)
    world.cycle()
    price = leave_the_band(world)
    world.cycle()
    entry = world.entry("SOL")
    assert drift_of(entry).kind == "wallet_external"
    assert [drift.kind for drift in entry.further_drifts] == ["price"]
    assert entry.exits is Exits.ON
    world.fall_to_stop("SOL")
    world.cycle()
    assert world.orders_sent() == 0, "the quantity is in doubt"
    world.set_price("SOL", price)
    world.cycle()
    assert resume(world, accept="current") == "applied"
    entry = world.entry("SOL")
    assert (entry.approved_quantity, entry.reference_price) == (approved - 2, price)
    assert (entry.drift, entry.further_drifts) == (None, ())


def test_q_mh_7_the_price_limit_is_the_setting(tmp_path: Path) -> None:
    environ = {"BOT_LIFECYCLE_PRICE_DRIFT_ATR": "2.3"}
    with bot_world(tmp_path / "wide", environ=environ) as world:
        world.hand_over("SOL")
        leave_the_band(world, "2.2")
        assert words_of(world.cycle()) == []
        leave_the_band(world, "2.35")
        assert words_of(world.cycle()) == ["drift"]


def test_environment_reset_all_managed_coins_at_once_are_one_alarm(world: BotWorld) -> None:
    world.hand_over("ETH")
    for asset, quantity in WALLET.items():
        world.box.control.withdraw(asset, quantity)
    report = world.cycle()
    assert [(step.asset, step.what) for step in report.alarms] == [("*", "drift")]
    for asset in ("SOL", "ETH"):
        entry = world.entry(asset)
        assert (entry.state, drift_of(entry).kind) == (ALERT, "environment_reset")
    assert words_of(world.cycle()) == []
    world.fall_to_stop("SOL")
    world.cycle()
    assert world.orders_sent() == 0


def test_sr_15_a_sale_because_of_drift_is_refused_in_the_order_path(world: BotWorld) -> None:
    leave_the_band(world)
    world.cycle()
    gateway, entry = world.app.gateway, world.entry("SOL")
    order = OrderRequest(
        client_order_id="x", symbol="SOL/USDT", side=Side.SELL, order_type=OrderType.MARKET, quantity=D(1)
    )
    facts = GateFacts(
        managed=world.managed,
        rules=gateway.markets()["SOL/USDT"],
        ticker=gateway.ticker("SOL/USDT"),
        reason=ExitReason.STOP_LOSS,
        wallet_free=entry.approved_quantity,
    )
    with pytest.raises(StopRuleBrokenError, match="SR-15"):
        check_exit(order, facts)


# ---- bot drift ----------------------------------------------------------------------------------------


def test_bot_drift_shows_record_wallet_and_difference_with_what_helps(world: BotWorld) -> None:
    approved = world.entry("SOL").approved_quantity or D(0)
    quiet = call(world.root, "drift")
    assert quiet.code == 0
    assert "none" in quiet.out
    take_away(world, WALLET["SOL"] - approved + 2)
    world.cycle()
    line = next(row for row in call(world.root, "drift").out.splitlines() if row.startswith("SOL"))
    assert line.split()[2:5] == [str(approved), str(approved - 2), "-2"]
    assert line.split()[-1] == "wallet_external"
    one = call(world.root, "drift", "sol").out
    assert "no order at all" in one
    assert "bot resume SOL --override --accept current" in one
    document = call(world.root, "drift", "SOL", "--json").document()
    assert document["schema"] == "bot-drift-1"
    (told,) = document["data"]["lines"]
    assert told["recorded"][0]["kind"] == "wallet_external"
    assert told["difference"] == -2


def test_bot_drift_offline_shows_what_is_recorded_and_calls_nothing_zero(world: BotWorld) -> None:
    before = world.app.store.read(POSITIONS).meta.serial, len(world.box.control.requests())
    said = call(world.root, "drift", "--offline")
    assert said.code == 0
    assert "not asked" in said.out
    row = next(line for line in said.out.splitlines() if line.startswith("SOL")).split()
    assert row[3:6] == ["-", "-", "-"]
    assert (world.app.store.read(POSITIONS).meta.serial, len(world.box.control.requests())) == before


def test_bot_drift_of_a_coin_that_nobody_handed_over_says_so(world: BotWorld) -> None:
    said = call(world.root, "drift", "ETH")
    assert said.code == 5
    assert "not in the bot's hands" in said.err
