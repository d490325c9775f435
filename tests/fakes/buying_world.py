"""A bot that may buy: averaging is agreed for SOL, and there is capital to invest."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from bot.lifecycle.commands import CommandState, CommandType
from tests.fakes.bot_world import BotWorld, bot_world

D = Decimal
CAPITAL = {"BOT_RISK_INVESTABLE_CAPITAL_USDT": "900"}
TERMS: dict[str, Any] = {"steps": 3, "step_pct": D("1.5"), "max_additional_usdt": D(600)}
ALLOCATION = D(20_000)


@contextmanager
def buying_world(
    root: Path, *, quantity: str = "5", environ: dict[str, str] | None = None, **terms: Any
) -> Iterator[BotWorld]:
    """Yield a world in which SOL is handed over, verified, and may be bought in steps."""
    with bot_world(root, environ=CAPITAL | (environ or {})) as world:
        world.hand_over("SOL", quantity=D(quantity))
        agree(world, TERMS | terms)
        world.cycle()
        yield world


def agree(world: BotWorld, terms: dict[str, Any], **more: Any) -> None:
    """Let an admin agree to averaging, with room for it."""
    words = {"reason": "test", "dca": terms, "max_allocation_usdt": ALLOCATION} | more
    outcome = world.ask(CommandType.OVERRIDE_MANAGED_LEVELS, "SOL", **words)
    assert outcome.state is CommandState.APPLIED, outcome


def fall_to_step(world: BotWorld, step: int) -> Decimal:
    """Let the price fall just through the level of a step."""
    entry = world.entry("SOL")
    assert entry.reference_price is not None
    width = D((entry.overrides or {})["dca"]["step_pct"])
    price = entry.reference_price * (100 - width * step) / 100 - D("0.30")
    world.set_price("SOL", price)
    return price
