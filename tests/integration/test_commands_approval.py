"""An approval is refused for every wrong word and every fact that moved, and burns nothing by that."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.lifecycle.commands import CommandType
from bot.lifecycle.states import AssetState
from tests.fakes.bot_world import BotWorld, bot_world
from tests.fakes.home_checks import assert_home_is_whole

APPROVE = CommandType.APPROVE_MANAGED_PROPOSAL


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BotWorld]:
    with bot_world(tmp_path / "home") as made:
        yield made
        assert_home_is_whole(made.app)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"confirm": "SOL:Recommended"}, "confirmation_wrong"),
        ({"confirm": "ETH:recommended"}, "confirmation_wrong"),
        ({"proposal_digest": "0" * 64}, "digest_mismatch"),
        ({"variant": "reckless", "confirm": "SOL:reckless"}, "variant_unknown"),
        ({"overrides": {"stop_loss": Decimal(500)}}, "levels_out_of_order"),
    ],
)
def test_a_wrong_approval_burns_nothing_and_the_right_one_still_works(
    world: BotWorld, changes: dict[str, Any], code: str
) -> None:
    world.propose("SOL")
    assert world.ask(APPROVE, "SOL", **world.approval("SOL", **changes)).code == code
    assert world.managed.state_of("SOL") is AssetState.RISK_PROPOSED
    assert world.ask(APPROVE, "SOL", **world.approval("SOL")).code == "applied"
    assert world.ask(APPROVE, "SOL", **world.approval("SOL")).code == "proposal_already_decided"


def test_an_approval_is_refused_on_a_market_or_wallet_that_moved_or_does_not_tell(world: BotWorld) -> None:
    entry = world.propose("SOL")
    control, words = world.box.control, world.approval("SOL")
    control.add_fault("drop_before", times=1_000)
    assert world.ask(APPROVE, "SOL", **words).code == "balance_unknown"
    control.clear_faults()
    before = control.price("SOL/USDT")
    control.set_price("SOL/USDT", before + 20)
    assert world.ask(APPROVE, "SOL", **words).code == "proposal_stale"
    control.set_price("SOL/USDT", before)
    control.withdraw("SOL", "2")
    assert world.ask(APPROVE, "SOL", **words).code == "proposal_stale"
    control.withdraw("SOL", "23")
    assert world.ask(APPROVE, "SOL", **words).code == "balance_too_small"
    control.deposit("SOL", "25")
    path = world.app.home.proposals / f"{entry.current_proposal_id}.json"
    original = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(original.replace(b"3", b"4", 1))
    assert world.ask(APPROVE, "SOL", **words).code == "proposal_file_invalid"
    path.write_bytes(original)
    assert world.ask(APPROVE, "SOL", **words).code == "applied"
