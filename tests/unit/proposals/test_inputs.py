"""A proposal can be made again from the bytes that were kept, and from nothing else."""

import hashlib

import msgspec
import pytest

from bot.kernel.canonical import canonical_bytes
from bot.kernel.errors import StorageError
from bot.lifecycle.command_payloads import EntryMethod
from bot.proposals.abort import Abort
from bot.proposals.document import Proposal
from bot.proposals.facts import OpenPosition, ProposalFacts, ProposalRequest
from bot.proposals.inputs import (
    InputKind,
    collect_inputs,
    facts_from_inputs,
    input_payload,
    policy_from_inputs,
)
from bot.proposals.policy import ProposalPolicy
from bot.proposals.remake import remake
from tests.unit.proposals.proposal_facts import D, a_trade, facts, proposed, walk

POLICY = ProposalPolicy()


def rich_facts() -> ProposalFacts:
    return facts(
        own_trades=(a_trade(1, "buy", "4", "20", "0.01", "BNB"),),
        open_positions=(OpenPosition(symbol="ETH/USDT", quantity=D(1), daily=walk(120, seed=4)),),
        blacklist=("LUNA",),
    )


def kept(told: ProposalFacts) -> dict[str, bytes]:
    return {item.record.sha256: item.payload for item in collect_inputs(told, POLICY)}


def test_every_source_has_one_record_with_the_digest_of_its_bytes() -> None:
    collected = collect_inputs(rich_facts(), POLICY)
    assert [item.record.source for item in collected] == list(InputKind)
    for item in collected:
        assert item.record.sha256 == hashlib.sha256(item.payload).hexdigest()
        assert item.payload == input_payload(item.record.source, rich_facts(), POLICY)


def test_candles_are_recorded_with_their_range() -> None:
    told = rich_facts()
    record = next(
        item.record for item in collect_inputs(told, POLICY) if item.record.source is InputKind.CANDLES_DAILY
    )
    assert (record.timeframe, record.rows) == ("1d", 400)
    assert (record.first_at, record.last_at) == (told.daily[0].opened_at, told.daily[-1].opened_at)


def test_facts_and_policy_come_back_exactly() -> None:
    told = rich_facts()
    records = [item.record for item in collect_inputs(told, POLICY)]
    assert facts_from_inputs(records, kept(told)) == told
    assert policy_from_inputs(records, kept(told)) == POLICY


@pytest.mark.parametrize("method", [EntryMethod.COST_BASIS, EntryMethod.VWAP, EntryMethod.MANUAL])
@pytest.mark.parametrize("language", ["en", "de"])
def test_a_proposal_is_made_again_byte_for_byte(method: EntryMethod, language: str) -> None:
    told = rich_facts()
    request = ProposalRequest(
        asset="SOL",
        requested_quantity=D("3.50"),
        synthetic_entry_method=method,
        synthetic_entry_value=D("21.50"),
    )
    proposal = proposed(told, request=request, language=language)
    again = remake(proposal, kept(told))
    assert isinstance(again, Proposal)
    assert canonical_bytes(again) == canonical_bytes(proposal)


def test_a_forged_figure_shows_when_the_proposal_is_made_again() -> None:
    told = rich_facts()
    proposal = proposed(told)
    terms = msgspec.structs.replace(proposal.risk_recommendation, stop_loss=D(1))
    forged = msgspec.structs.replace(proposal, risk_recommendation=terms, digest="0" * 64)
    again = remake(forged, kept(told))
    assert isinstance(again, Proposal)
    assert again.digest == proposal.digest != forged.digest


def test_facts_that_forbid_a_proposal_abort_when_made_again() -> None:
    told = rich_facts()
    proposal = proposed(told)
    banned = msgspec.structs.replace(told, blacklist=("SOL",))
    records = tuple(item.record for item in collect_inputs(banned, POLICY))
    again = remake(msgspec.structs.replace(proposal, inputs=records), kept(banned))
    assert isinstance(again, Abort)


def test_a_missing_payload_is_named() -> None:
    told = rich_facts()
    proposal = proposed(told)
    payloads = kept(told)
    ticker = next(record for record in proposal.inputs if record.source is InputKind.TICKER)
    del payloads[ticker.sha256]
    with pytest.raises(StorageError) as caught:
        remake(proposal, payloads)
    assert caught.value.code == "proposal_file_missing"
    assert "ticker" in caught.value.what


def test_a_changed_payload_is_refused_by_its_digest() -> None:
    told = rich_facts()
    proposal = proposed(told)
    payloads = kept(told)
    ticker = next(record for record in proposal.inputs if record.source is InputKind.TICKER)
    payloads[ticker.sha256] = payloads[ticker.sha256].replace(b"23.6", b"99.6")
    with pytest.raises(StorageError) as caught:
        remake(proposal, payloads)
    assert caught.value.code == "digest_mismatch"


def test_a_proposal_that_names_no_such_input_is_refused() -> None:
    with pytest.raises(StorageError) as caught:
        facts_from_inputs([], {})
    assert caught.value.code == "proposal_file_invalid"


def test_what_was_told_later_is_another_input() -> None:
    told = rich_facts()
    later = msgspec.structs.replace(told, ticker=msgspec.structs.replace(told.ticker, bid=D(1)))
    assert input_payload(InputKind.TICKER, told, POLICY) != input_payload(InputKind.TICKER, later, POLICY)
