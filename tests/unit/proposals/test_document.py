"""The document keeps its promises to readers in other languages."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bot.kernel.canonical import digest_without, readable_bytes
from bot.kernel.money import plain
from bot.proposals.document import (
    VariantTerms,
    document_digest,
    from_document,
    to_document,
    variant_of,
    variants_of,
)
from bot.proposals.policy import VariantName
from tests.unit.proposals.proposal_facts import PROPOSAL_ID, D, a_trade, facts, proposed

SOURCE_KEYS = {
    "": (
        "proposal_id asset proposal_version risk_model_version generated_at generated_by expires_at "
        "market_context strategy_recommendation risk_recommendation context_warnings confidence "
        "alternative_proposals"
    ),
    "market_context": (
        "current_price atr_14d volatility_30d_pct volume_24h_usdt spread_pct liquidity_score regime "
        "regime_confidence support_level resistance_level"
    ),
    "strategy_recommendation": "strategy_group rationale alternative_groups",
    "risk_recommendation": (
        "synthetic_entry_method synthetic_entry_value stop_loss stop_loss_pct take_profit take_profit_pct "
        "trailing_stop_enabled rr_ratio max_allocation_usdt max_allocation_pct_of_portfolio dca_recommended "
        "dca_settings"
    ),
    "context_warnings": (
        "is_blacklisted is_stablecoin_or_peg concentration_warning correlation_with_existing_positions "
        "regime_compatibility circuit_breaker_state"
    ),
    "confidence": "overall_score explanation",
}


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    else:
        yield value


@pytest.mark.parametrize("section", list(SOURCE_KEYS))
def test_every_field_of_the_source_is_present(section: str) -> None:
    document = to_document(proposed())
    part = document[section] if section else document
    assert set(SOURCE_KEYS[section].split()) <= part.keys()


def test_the_alternatives_carry_the_same_terms_as_the_recommendation() -> None:
    document = to_document(proposed())
    recommended = document["risk_recommendation"]
    names = [item["variant"] for item in document["alternative_proposals"]]
    assert names == ["conservative", "aggressive"]
    for item in document["alternative_proposals"]:
        assert item.keys() <= recommended.keys()


def test_a_person_reads_the_reference_before_the_levels() -> None:
    document = to_document(proposed())
    assert list(document)[:4] == ["$schema", "proposal_id", "asset", "digest"]
    keys = list(document["risk_recommendation"])
    assert keys.index("reference_price") < keys.index("synthetic_entry_value") < keys.index("stop_loss")


def test_no_float_is_in_the_document_and_every_number_has_its_shortest_text() -> None:
    told = facts(own_trades=(a_trade(1, "buy", "1.50", "20.10", "0.0100", "BNB"),))
    for value in leaves(to_document(proposed(told))):
        assert not isinstance(value, float)
        if isinstance(value, Decimal):
            assert str(value) == str(plain(value))


def test_the_digest_is_that_of_the_canonical_form_without_itself() -> None:
    document = to_document(proposed())
    assert document["digest"] == digest_without(document, "digest") == document_digest(document)
    document["asset"] = "ETH"
    assert document["digest"] != document_digest(document)


def test_reading_the_written_bytes_gives_the_same_proposal_and_digest() -> None:
    proposal = proposed()
    written = readable_bytes(to_document(proposal))
    decoded = json.loads(written, parse_float=Decimal)
    assert document_digest(decoded) == proposal.digest
    assert from_document(decoded) == proposal
    assert readable_bytes(to_document(from_document(decoded))) == written


def test_times_are_utc_with_z() -> None:
    document = to_document(proposed())
    assert document["generated_at"] == "2026-05-10T12:30:00Z"
    assert document["expires_at"] == "2026-05-17T12:30:00Z"


def test_an_unknown_key_is_refused_because_the_digest_would_not_cover_it() -> None:
    document = to_document(proposed()) | {"surprise": 1}
    with pytest.raises(msgspec.ValidationError, match="surprise"):
        from_document(document)


def test_a_variant_is_found_by_its_name() -> None:
    proposal = proposed()
    for name in VariantName:
        terms = variant_of(proposal, name.value)
        assert isinstance(terms, VariantTerms)
        assert terms.variant is name
    assert variant_of(proposal, "reckless") is None
    assert variants_of(proposal)[0] is proposal.risk_recommendation


def test_absent_levels_are_null_with_a_reason_and_present_ones_have_none() -> None:
    context = to_document(proposed())["market_context"]
    assert context["support_level"] is None
    assert "no swing below" in context["support_reason"]
    assert context["resistance_level"] == D("25.24")
    assert "resistance_reason" not in context


def test_the_id_is_the_callers() -> None:
    assert proposed().proposal_id == PROPOSAL_ID
