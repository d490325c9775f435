"""The engine's shell: balance looked at twice, interruptions, two engines at once, every way to say no."""

import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.commands.proposal_maker import ProposalMaker, ProposalResult
from bot.lifecycle.commands import CommandState, CommandType
from bot.lifecycle.states import AssetState
from bot.storage.proposal_reader import list_proposal_ids, proposals_of
from tests.fakes.bot_world import BotWorld, bot_world
from tests.fakes.box_exchange import HOUR_MS, write_candles
from tests.fakes.home_checks import assert_home_is_whole, audit_types
from tests.fakes.hooked_gateway import Hook, Killed, hooked, kill

REQUEST = CommandType.REQUEST_MANAGED_PROPOSAL


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BotWorld]:
    with bot_world(tmp_path / "home") as made:
        yield made
        assert made.orders_sent() == 0
        assert_home_is_whole(made.app)


def engine_with(world: BotWorld, **hooks: dict[str, Hook]) -> ProposalMaker:
    """Return the app's engine over a gateway with hooks."""
    engine = ProposalMaker(
        world.app.store,
        hooked(world.app.gateway, **hooks),
        sender=world.app.sender,
        clock=world.clock,
        ids=world.app.ids,
        policy=world.app.engine._policy,
        proposal_policy=world.app.engine._proposal_policy,
        limits=world.app.engine._limits,
        language=lambda: "en",
    )
    assert isinstance(engine, ProposalMaker)
    return engine


def make(world: BotWorld, **hooks: dict[str, Hook]) -> list[ProposalResult]:
    world.ask(REQUEST, "SOL")
    return engine_with(world, **hooks).make_waiting()


def assert_aborted(world: BotWorld, asset: str, code: str) -> None:
    entry = world.entry(asset)
    assert entry.state is AssetState.PROPOSAL_ABORTED
    assert entry.reason is not None
    assert entry.reason.code == code
    assert entry.reason.text
    assert asset not in world.managed.pending_proposals
    assert proposals_of(world.app.home, asset) == []
    world.app.scheduler.run_due(world.clock.now())
    assert world.managed.state_of(asset) is AssetState.FROZEN  # T17, and nobody has to wait


# ---- R2 -------------------------------------------------------------------------------------------


def test_a_balance_that_is_gone_at_the_second_look_aborts(world: BotWorld) -> None:
    results = make(world, after={"order_book": lambda: world.box.control.withdraw("SOL", "25")})
    assert [result.code for result in results] == ["no_balance"]
    assert_aborted(world, "SOL", "no_balance")


def test_a_balance_that_is_not_told_at_the_second_look_aborts_after_tries(world: BotWorld) -> None:
    control = world.box.control
    silence = lambda: control.add_fault("drop_before", path="account", times=1_000)  # noqa: E731 - a hook
    results = make(world, after={"order_book": silence})
    assert [result.code for result in results] == ["balance_unknown"]
    asked = [r for r in control.requests() if r["path"].endswith("/account") and r["status"] == 0]
    assert len(asked) >= 3, "unknown is asked for again before it ends the request"
    control.clear_faults()
    assert_aborted(world, "SOL", "balance_unknown")


def test_a_balance_that_is_told_late_is_waited_for(world: BotWorld) -> None:
    control = world.box.control
    results = make(
        world, after={"order_book": lambda: control.add_fault("drop_before", path="account", times=4)}
    )
    assert [result.code for result in results] == ["applied"]
    assert world.managed.state_of("SOL") is AssetState.RISK_PROPOSED


# ---- interruptions --------------------------------------------------------------------------------


def test_an_interrupted_request_is_taken_up_under_a_new_id_and_given_up_after_three_tries(
    world: BotWorld,
) -> None:
    world.ask(REQUEST, "SOL")
    ids = []
    for _ in range(3):
        with pytest.raises(Killed):
            engine_with(world, after={"order_book": kill}).make_waiting()
        ids.append(world.managed.pending_proposals["SOL"].proposal_id)
        assert world.managed.state_of("SOL") is AssetState.PROPOSAL_PENDING
        world.restart()
    assert len(set(ids)) == 3
    assert [result.code for result in world.app.engine.make_waiting()] == ["interrupted"]
    assert_aborted(world, "SOL", "interrupted")


def test_an_interrupted_request_that_is_taken_up_once_more_ends_as_a_proposal(world: BotWorld) -> None:
    world.ask(REQUEST, "SOL")
    with pytest.raises(Killed):
        engine_with(world, before={"own_trades": kill}).make_waiting()
    first = world.managed.pending_proposals["SOL"].proposal_id
    world.restart()
    (result,) = world.app.engine.make_waiting()
    assert result.code == "applied"
    assert result.proposal_id != first
    entry = world.entry("SOL")
    assert entry.current_proposal_id == result.proposal_id
    assert world.ask(CommandType.APPROVE_MANAGED_PROPOSAL, "SOL", **world.approval("SOL")).code == "applied"


def test_a_process_that_ends_between_file_and_command_leaves_a_file_that_cannot_be_approved(
    world: BotWorld,
) -> None:
    world.ask(REQUEST, "SOL")
    engine = engine_with(world)
    sender = engine._sender

    class Dying:
        def send(self, command_type: CommandType, *words: Any, **named: Any) -> Any:
            if command_type is CommandType.COMPLETE_MANAGED_PROPOSAL:
                raise Killed
            return sender.send(command_type, *words, **named)

    engine._sender = Dying()  # type: ignore[assignment]  # the process ends when it would tell the bus
    with pytest.raises(Killed):
        engine.make_waiting()
    (orphan,) = list_proposal_ids(world.app.home)
    world.restart()
    world.app.engine.make_waiting()
    current = world.entry("SOL").current_proposal_id
    assert current != orphan
    outcome = world.ask(
        CommandType.APPROVE_MANAGED_PROPOSAL, "SOL", **world.approval("SOL", proposal_id=orphan)
    )
    assert outcome.code == "proposal_not_current"
    assert world.ask(CommandType.APPROVE_MANAGED_PROPOSAL, "SOL", **world.approval("SOL")).code == "applied"


def test_a_defect_in_the_engine_ends_the_proposal_and_nothing_else(world: BotWorld) -> None:
    def defect() -> None:
        raise ZeroDivisionError("somewhere in the statistics")

    results = make(world, before={"candles": defect})
    assert [result.code for result in results] == ["unexpected"]
    assert "ZeroDivisionError" in results[0].sentence
    assert_aborted(world, "SOL", "unexpected")


# ---- two at once ----------------------------------------------------------------------------------


def test_two_engines_at_once_make_one_proposal(world: BotWorld) -> None:
    second: list[list[ProposalResult]] = []

    def meanwhile() -> None:
        thread = threading.Thread(target=lambda: second.append(engine_with(world).make_waiting()))
        thread.start()
        thread.join()

    results = make(world, before={"order_book": meanwhile})
    assert [result.code for result in results] == ["applied"]
    assert second == [[]]
    assert len(list_proposal_ids(world.app.home)) == 1
    assert audit_types(world.app, "SOL").count("asset_proposal_generated") == 1


def test_a_second_request_while_the_engine_works_is_refused(world: BotWorld) -> None:
    codes: list[str] = []
    make(world, before={"order_book": lambda: codes.append(world.ask(REQUEST, "SOL").code)})
    assert codes == ["proposal_in_progress"]
    assert world.managed.state_of("SOL") is AssetState.RISK_PROPOSED


# ---- every other no -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asset", "words", "code"),
    [
        ("LINK", {}, "no_balance"),
        ("USDC", {}, "stablecoin"),
        ("DOGE", {}, "blacklisted"),
        ("FOO", {}, "market_unavailable"),
        ("SOL", {"quantity": Decimal("0.01")}, "price_out_of_filters"),
    ],
)
def test_a_request_that_cannot_be_met_aborts_with_its_own_reason(
    tmp_path: Path, asset: str, words: dict[str, Any], code: str
) -> None:
    wallet = dict.fromkeys(("SOL", "USDC", "DOGE", "FOO"), Decimal(500)) | {"USDT": Decimal(10_000)}
    with bot_world(tmp_path / "home", wallet=wallet, environ={"BOT_RISK_BLACKLIST": "DOGE"}) as world:
        world.propose(asset, **words)
        assert_aborted(world, asset, code)
        assert_home_is_whole(world.app)


def test_a_market_that_is_too_young_aborts(tmp_path: Path) -> None:
    from tests.fakes.bot_world import START

    folder, days = tmp_path / "candles", 20
    folder.mkdir()
    first_ms = int(START.timestamp() * 1_000) - days * 24 * HOUR_MS
    rows = [(first_ms + n * HOUR_MS, "10", "10.3", "9.8", f"10.{n % 3}", "900") for n in range(days * 24)]
    with bot_world(tmp_path / "home", replay_folder=str(write_candles(folder, rows))) as world:
        world.propose("SOL")
        assert_aborted(world, "SOL", "not_enough_history")


def test_an_exchange_that_is_dead_aborts_and_the_coin_may_be_asked_for_again(world: BotWorld) -> None:
    world.app.gateway.markets()
    world.ask(REQUEST, "SOL")
    world.box.control.add_fault("drop_before", times=1_000)
    world.app.engine.make_waiting()
    world.box.control.clear_faults()
    assert_aborted(world, "SOL", "balance_unknown")
    assert world.propose("SOL").state is AssetState.RISK_PROPOSED


@pytest.mark.parametrize(
    ("asset", "words", "code"),
    [
        ("USDT", {}, "quote_not_manageable"),
        ("SOL", {"quantity": Decimal(0)}, "quantity_invalid"),
        ("SOL", {"synthetic_entry_method": "manual"}, "manual_entry_needs_value"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_at_once(
    world: BotWorld, asset: str, words: dict[str, Any], code: str
) -> None:
    outcome = world.ask(REQUEST, asset, **words)
    assert (outcome.state, outcome.code) == (CommandState.PRECONDITION_REJECTED, code)
    assert world.managed.state_of(asset) is AssetState.FROZEN


# ---- time -----------------------------------------------------------------------------------------


def until_due(world: BotWorld, hours: float) -> Callable[[], list[str]]:
    world.wait(hours * 3_600)
    return lambda: [step.what for step in world.app.scheduler.run_due(world.clock.now())]


def test_a_proposal_that_nobody_decided_expires_without_a_cool_down(world: BotWorld) -> None:
    entry = world.propose("SOL")
    words = world.approval("SOL")
    assert until_due(world, 167.9)() == []
    due = until_due(world, 0.2)
    assert world.ask(CommandType.APPROVE_MANAGED_PROPOSAL, "SOL", **words).code == "proposal_expired"
    assert due() == ["expire_managed_proposal"]
    assert world.managed.state_of("SOL") is AssetState.FROZEN
    assert world.propose("SOL").current_proposal_id != entry.current_proposal_id


def test_after_a_no_the_coin_rests_for_its_cool_down(world: BotWorld) -> None:
    entry = world.propose("SOL")
    rejected = world.ask(
        CommandType.REJECT_MANAGED_PROPOSAL, "SOL", proposal_id=entry.current_proposal_id, reason="no"
    )
    assert rejected.code == "applied"
    assert until_due(world, 23.9)() == []
    assert world.ask(REQUEST, "SOL").code == "cooldown_running"
    assert until_due(world, 0.2)() == ["settle_managed_asset"]
    assert world.propose("SOL").state is AssetState.RISK_PROPOSED
