"""Every way in which the engine says no: the coin ends at `proposal_aborted`, with the reason in words."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from bot.app.engine_threads import EngineThreads
from bot.app.wiring import fact_limits, proposal_policy
from bot.commands.proposal_maker import ProposalMaker
from bot.kernel.reasons import reason_for
from bot.lifecycle.commands import CommandType
from bot.lifecycle.states import AssetState
from bot.storage.proposal_reader import proposals_of
from tests.fakes.bot_world import START, BotWorld, bot_world
from tests.fakes.box_exchange import HOUR_MS, write_candles
from tests.fakes.home_checks import assert_home_is_whole, audit_of

WALLET = {name: Decimal(500) for name in ("SOL", "USDC", "DOGE", "FOO")} | {"USDT": Decimal(10_000)}
SPEC = (
    "no_balance",
    "balance_unknown",
    "market_unavailable",
    "not_enough_history",
    "blacklisted",
    "stablecoin",
    "price_out_of_filters",
    "model_version_missing",
    "strategy_not_allowed",
    "schema_invalid",
    "interrupted",
)


def nothing(world: BotWorld) -> None:
    """Prepare nothing."""


def silence(world: BotWorld) -> None:
    """Let the account not answer any more."""
    world.app.gateway.markets()
    world.box.control.add_fault("drop_before", path="account", times=1_000)


def interrupt_three_times(world: BotWorld) -> None:
    """Stop the engine between two steps, as a process that ends does."""
    for _ in range(3):
        asked = iter([False, True])
        assert world.app.engine.make("SOL", should_stop=asked.__next__) is None


def other_rules(**changes: Any) -> Callable[[BotWorld], None]:
    """Return what gives the engine another risk model, or other limits."""

    def prepare(world: BotWorld) -> None:
        limits = {name: changes[name] for name in changes if name == "environment"}
        rules = {name: changes[name] for name in changes if name != "environment"}
        app = world.app
        app.__dict__["engine"] = ProposalMaker(
            app.store,
            app.gateway,
            sender=app.sender,
            clock=world.clock,
            ids=app.ids,
            policy=app.engine._policy,
            proposal_policy=lambda: msgspec.structs.replace(proposal_policy(app), **rules),
            limits=lambda: msgspec.structs.replace(fact_limits(app), **limits),
            language=lambda: "en",
        )

    return prepare


class Case(NamedTuple):
    """One way to fail: of which coin, what is asked, what goes wrong."""

    code: str
    asset: str = "SOL"
    words: tuple[tuple[str, Any], ...] = ()
    prepare: Callable[[BotWorld], None] = nothing
    young: bool = False


CASES = (
    Case("no_balance", "LINK"),
    Case("balance_unknown", prepare=silence),
    Case("market_unavailable", "FOO"),
    Case("not_enough_history", young=True),
    Case("blacklisted", "DOGE"),
    Case("stablecoin", "USDC"),
    Case("price_out_of_filters", words=(("quantity", Decimal("0.01")),)),
    Case("model_version_missing", prepare=other_rules(risk_model_version="")),
    Case("strategy_not_allowed", prepare=other_rules(allowed_strategy_groups=("t3_copy_trading",))),
    Case("schema_invalid", prepare=other_rules(environment="moon")),
    Case("interrupted", prepare=interrupt_three_times),
)


def test_every_reason_of_the_specification_has_a_case() -> None:
    assert tuple(case.code for case in CASES) == SPEC


def young_market(folder: Path) -> str:
    """Write twenty days of candles."""
    folder.mkdir()
    hours = 20 * 24
    first_ms = int((START - dt.timedelta(hours=hours)).timestamp() * 1_000)
    rows = [(first_ms + n * HOUR_MS, "10", "10.3", "9.8", f"10.{n % 3}", "900") for n in range(hours)]
    return str(write_candles(folder, rows))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.code)
def test_an_engine_that_cannot_ends_the_request_with_its_reason_a_sentence_and_what_helps(
    tmp_path: Path, case: Case
) -> None:
    box: dict[str, Any] = {"replay_folder": young_market(tmp_path / "candles")} if case.young else {}
    environ = {"BOT_RISK_BLACKLIST": "DOGE"}
    with bot_world(tmp_path / "home", wallet=dict(WALLET), environ=environ, **box) as world:
        words = {"synthetic_entry_method": "current_price", **dict(case.words)}
        assert world.ask(CommandType.REQUEST_MANAGED_PROPOSAL, case.asset, **words).code == "applied"
        case.prepare(world)
        (result,) = EngineThreads(world.app).make_all()
        world.box.control.clear_faults()
        assert result.code == case.code
        assert len(result.sentence) > 20
        assert reason_for(case.code).help
        entry = world.entry(case.asset)
        assert entry.state is AssetState.PROPOSAL_ABORTED
        assert entry.reason is not None
        assert (entry.reason.code, entry.reason.text) == (case.code, result.sentence)
        told = [one for one in audit_of(world.app, case.asset) if one["type"].endswith("proposal_aborted")]
        assert [one["data"]["reason_code"] for one in told] == [case.code]
        assert proposals_of(world.app.home, case.asset) == []
        assert case.asset not in world.managed.pending_proposals
        assert_home_is_whole(world.app)
