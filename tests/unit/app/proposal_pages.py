"""Proposals as documents, and the home that keeps what they were made of, for tests of their screens."""

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

from bot.app.core import HomeContext
from bot.app.new_home import initialise_home
from bot.lifecycle.command_payloads import EntryMethod
from bot.proposals.document import to_document
from bot.proposals.facts import OpenPosition, ProposalFacts, ProposalRequest
from bot.proposals.inputs import collect_inputs
from bot.proposals.policy import ProposalPolicy, policy_for
from bot.proposals.proposal_engine import make_proposal
from bot.storage.files.json_codec import decode_strict, encode, plain
from bot.storage.proposal_writer import write_input, write_proposal
from tests.fakes.fake_clock import FakeClock
from tests.unit.proposals.proposal_facts import NOW, a_trade, facts, walk

D = Decimal
FIRST, SECOND, THIRD = (f"0b8f7f9e-0000-4a53-9d53-00000000000{number}" for number in (1, 2, 3))


def full_facts(**changes: Any) -> ProposalFacts:
    """Return facts that fill every part of a document: trades, deposits, odd fees, a position beside it."""
    trades = (a_trade(1, "buy", "4", "90", "0.004", "SOL"), a_trade(2, "buy", "2", "95", "0.01", "BNB"))
    beside = OpenPosition(symbol="ETH/USDT", quantity=D(1), daily=walk(200, seed=9, start=3_000.0))
    return facts(**{"own_trades": trades, "open_positions": (beside,), "bars": 400, **changes})


def document_of(
    given: ProposalFacts | None = None,
    *,
    proposal_id: str = FIRST,
    version: int = 1,
    policy: ProposalPolicy | None = None,
    home: HomeContext | None = None,
    after_hours: int = 0,
    language: str = "en",
    method: EntryMethod = EntryMethod.COST_BASIS,
) -> dict[str, Any]:
    """Return a document as a reader gets it; with a home, it and its inputs are kept there."""
    told, rule = given or full_facts(), policy or policy_for("sandbox")
    inputs = collect_inputs(told, rule)
    made = make_proposal(
        proposal_id=proposal_id,
        proposal_version=version,
        request=ProposalRequest(asset="SOL", synthetic_entry_method=method),
        facts=told,
        policy=rule,
        now=NOW + dt.timedelta(hours=after_hours),
        ttl=dt.timedelta(days=7),
        inputs=tuple(item.record for item in inputs),
        language=language,
    )
    document = to_document(made)  # type: ignore[arg-type]  # these facts always give a proposal
    if home is not None:
        for item in inputs:
            write_input(home.home, item.payload)
        write_proposal(home.home, document)
    read: dict[str, Any] = decode_strict(encode(plain(document)))
    return read


def new_home(folder: Path) -> HomeContext:
    """Return a fresh home."""
    initialise_home(folder, environment="sandbox")
    return HomeContext(folder, environ={}, clock=FakeClock(NOW))
