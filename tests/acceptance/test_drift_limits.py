"""Cards: from where on a difference is drift (Q-MH-7), and what an unlisted coin is (D5, DR-2)."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from bot.app.operations import capture_baseline
from bot.lifecycle.documents import ManagedAsset
from bot.lifecycle.states import AssetState
from bot.storage.documents import BASELINE_HOLDINGS, POSITIONS
from bot.storage.positions_writer import write_positions
from tests.fakes.bot_world import BotWorld, bot_world, words_of
from tests.fakes.cli_calls import call
from tests.fakes.home_checks import assert_home_is_whole, audit_of, refusal_codes

ALERT, ACTIVE = AssetState.MANAGED_DRIFT_ALERT, AssetState.MANAGED_ACTIVE
D = Decimal
DAY_S = 86_400
DAYS = 40
"""Of a trend: enough closes for the regime to turn round, whatever it was before."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BotWorld]:
    with bot_world(tmp_path / "home") as made:
        yield made
        assert_home_is_whole(made.app)


@contextmanager
def handed_over(root: Path, **environ: str) -> Iterator[BotWorld]:
    with bot_world(root, environ=environ) as made:
        made.hand_over("SOL")
        yield made
        assert_home_is_whole(made.app)


def leave_in_position(world: BotWorld, percent: str) -> Decimal:
    """Make the position on the disk hold so many percent of what was approved; return how much that is."""
    left = (world.entry("SOL").approved_quantity or D(0)) * D(percent) / 100
    with world.app.store.transaction() as transaction:
        content = transaction.current(POSITIONS).content
        less = msgspec.structs.replace(content.positions["SOL/USDT"], quantity=left)
        held = {**content.positions, "SOL/USDT": less}
        write_positions(transaction, msgspec.structs.replace(content, positions=held))
    return left


# ---- Q-MH-7 -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("percent", ["95", "95.001", "105"])
def test_q_mh_7_a_quantity_within_five_percent_is_no_drift(tmp_path: Path, percent: str) -> None:
    with handed_over(tmp_path / "home") as world:
        leave_in_position(world, percent)
        assert "drift" not in words_of(world.cycle())
        assert world.managed.state_of("SOL") is ACTIVE
        assert world.entry("SOL").drift is None


@pytest.mark.parametrize("percent", ["94.999", "105.001"])
def test_q_mh_7_a_quantity_just_beyond_five_percent_is_drift(tmp_path: Path, percent: str) -> None:
    with handed_over(tmp_path / "home") as world:
        left = leave_in_position(world, percent)
        assert words_of(world.cycle()) == ["drift"]
        drift = world.entry("SOL").drift
        assert drift is not None
        assert (world.managed.state_of("SOL"), drift.kind) == (ALERT, "qty")
        assert drift.evidence["record_quantity"] == world.entry("SOL").approved_quantity
        assert drift.evidence["current_quantity"] == left
        assert drift.evidence["limit_pct"] == 5


@pytest.mark.parametrize(("percent", "stands"), [("92.001", ACTIVE), ("91.999", ALERT)])
def test_q_mh_7_the_quantity_limit_is_the_setting(tmp_path: Path, percent: str, stands: AssetState) -> None:
    with handed_over(tmp_path / "home", BOT_LIFECYCLE_QUANTITY_DRIFT_PCT="8") as world:
        leave_in_position(world, percent)
        assert ("drift" in words_of(world.cycle())) is (stands is ALERT)
        assert world.managed.state_of("SOL") is stands


def trend(world: BotWorld, daily_pct: str) -> None:
    """Let the price move by so much a day; nobody looks meanwhile."""
    for _ in range(DAYS):
        price = world.box.control.price("SOL/USDT") * (1 + D(daily_pct) / 100)
        world.set_price("SOL", price)
        world.advance(DAY_S)


def turn(world: BotWorld, first: str, then: str) -> ManagedAsset:
    """Hand SOL over in one trend, let the market turn, come back to the reference price; return the entry."""
    trend(world, first)
    agreed = world.hand_over("SOL")
    trend(world, then)
    world.set_price("SOL", agreed.reference_price or D(0))  # neither the price nor an exit has a say
    return agreed


TURNS = [("BULL", "3", "BEAR", "-4"), ("BEAR", "-3", "BULL", "4")]


@pytest.mark.parametrize(("before", "first", "after", "then"), TURNS)
def test_q_mh_7_a_turn_of_the_regime_is_drift(
    world: BotWorld, before: str, first: str, after: str, then: str
) -> None:
    assert turn(world, first, then).reference_regime == before
    assert words_of(world.cycle()) == ["drift"]
    drift = world.entry("SOL").drift
    assert drift is not None
    assert (world.managed.state_of("SOL"), drift.kind) == (ALERT, "regime")
    told = drift.evidence["reference_regime"], drift.evidence["current_regime"]
    assert told == (before, after)
    event = next(r for r in audit_of(world.app, "SOL") if r["type"] == "managed.drift_detected")
    assert (event["actor"], event["data"]["drift_kind"]) == ("bot", "regime")
    assert world.orders_sent() == 0


@pytest.mark.parametrize(("before", "first", "after", "then"), TURNS)
def test_q_mh_7_with_the_setting_off_a_turn_of_the_regime_is_no_drift(
    tmp_path: Path, before: str, first: str, after: str, then: str
) -> None:
    with bot_world(tmp_path / "home", environ={"BOT_LIFECYCLE_REGIME_DRIFT": "off"}) as world:
        assert turn(world, first, then).reference_regime == before
        assert words_of(world.cycle()) == []
        assert world.managed.state_of("SOL") is ACTIVE, f"{after} is not watched"


@pytest.mark.parametrize(("first", "before"), [("3", "BULL"), ("-3", "BEAR")])
def test_q_mh_7_a_regime_that_goes_on_is_no_drift(world: BotWorld, first: str, before: str) -> None:
    assert turn(world, first, first).reference_regime == before
    assert words_of(world.cycle()) == []
    assert world.managed.state_of("SOL") is ACTIVE


# ---- D5 -----------------------------------------------------------------------------------------------


def capture_with_default(world: BotWorld, policy: str) -> None:
    """Capture the wallet, and write into the captured file what an unlisted coin shall be."""
    capture_baseline(world.app)
    file = world.app.home.run / "baseline_capture.json"
    words = json.loads(file.read_bytes())
    assert words["default_policy_for_unlisted"] == "frozen"
    file.write_text(json.dumps(words | {"default_policy_for_unlisted": policy}), encoding="utf-8")


def apply_captured(world: BotWorld) -> tuple[int, str]:
    call(world.root, "baseline", "apply", "--no-wait")
    said = call(world.root, "worker", "--once")
    return said.code, said.out + said.err


def test_d5_an_unlisted_wallet_asset_gets_the_default_that_was_set(world: BotWorld) -> None:
    capture_with_default(world, "frozen")
    assert apply_captured(world)[0] == 0
    world.box.control.deposit("DOGE", "500")
    assert words_of(world.cycle()) == []
    baseline = world.app.store.read(BASELINE_HOLDINGS).content
    assert "DOGE" not in baseline.assets, "it is listed nowhere"
    assert baseline.policy_of("DOGE") is baseline.default_policy_for_unlisted
    assert world.managed.state_of("DOGE") is AssetState.FROZEN
    assert "unlisted coins: frozen" in call(world.root, "baseline", "show").out


@pytest.mark.parametrize("policy", ["managed", "tradable_quote"])
def test_d5_no_other_default_than_frozen_is_taken(world: BotWorld, policy: str) -> None:
    """DR-2: managed is never a default; nor does an unlisted coin become what orders are paid with."""
    before = world.app.store.read(BASELINE_HOLDINGS).meta.serial
    capture_with_default(world, policy)
    apply_captured(world)
    assert refusal_codes(world.app) == ["managed_is_never_default"]
    after = world.app.store.read(BASELINE_HOLDINGS)
    assert after.meta.serial == before, "nothing was changed"
    assert after.content.default_policy_for_unlisted == "frozen"
    world.box.control.deposit("DOGE", "500")
    assert words_of(world.cycle()) == []
    assert world.managed.state_of("DOGE") is AssetState.FROZEN
