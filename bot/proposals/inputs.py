"""The facts as bytes: kept beside a proposal by their SHA-256, so that it can be re-made for ever.

Each source is one payload in canonical JSON with one record in the proposal's `inputs`. The payloads
hold exactly what the engine was told, the policy included: `facts_from_inputs` and `policy_from_inputs`
bring it back, and the same engine version then makes the same bytes.
"""

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple, TypeVar

import msgspec

from bot.holdings.wallet import WalletSnapshot
from bot.kernel.canonical import canonical_bytes
from bot.kernel.errors import StorageError
from bot.kernel.market import Candle, MarketRules, OrderBook, OwnTrade, Ticker
from bot.proposals.facts import OpenPosition, ProposalFacts
from bot.proposals.policy import ProposalPolicy, policy_of_payload

T = TypeVar("T")


class InputKind(StrEnum):
    """The sources of a proposal, one payload each."""

    MARKET_RULES = "market_rules"
    TICKER = "ticker"
    ORDER_BOOK = "order_book"
    CANDLES_DAILY = "candles_daily"
    CANDLES_HOURLY = "candles_hourly"
    WALLET = "wallet"
    OWN_TRADES = "own_trades"
    OPEN_POSITIONS = "open_positions"
    ACCOUNT = "account"
    POLICY = "policy"


class InputRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One source of a proposal: what it is, its time range, its rows and the digest of its bytes."""

    source: InputKind
    venue: str
    symbol: str
    timeframe: str | None = None
    first_at: dt.datetime | None = None
    last_at: dt.datetime | None = None
    """Opening times for candles, execution times for trades, else the time of observation."""
    rows: int
    sha256: str


class CollectedInput(NamedTuple):
    """A record with the bytes it stands for."""

    record: InputRecord
    payload: bytes


class AccountFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The facts that are single values."""

    environment: str
    portfolio_value_usdt: Decimal
    investable_capital_usdt: Decimal
    circuit_breaker_state: str
    blacklist: tuple[str, ...]


def input_payload(kind: InputKind, facts: ProposalFacts, policy: ProposalPolicy) -> bytes:
    """Return the canonical bytes of one source."""
    return canonical_bytes(_content(kind, facts, policy))


def collect_inputs(facts: ProposalFacts, policy: ProposalPolicy) -> tuple[CollectedInput, ...]:
    """Return every source with its bytes, in a fixed order."""
    return tuple(_collected(kind, facts, policy) for kind in InputKind)


def facts_from_inputs(records: Sequence[InputRecord], payloads: Mapping[str, bytes]) -> ProposalFacts:
    """Bring the facts back from kept payloads.

    Args:
        records: The proposal's `inputs`.
        payloads: The bytes by their SHA-256.

    Raises:
        StorageError: When a payload is missing, or its bytes are not those of its digest.
    """
    kept = _Kept(records, payloads)
    account = kept.read(InputKind.ACCOUNT, AccountFacts)
    rules = kept.record(InputKind.MARKET_RULES)
    return ProposalFacts(
        environment=account.environment,
        venue=rules.venue,
        symbol=rules.symbol,
        rules=kept.read(InputKind.MARKET_RULES, MarketRules),
        ticker=kept.read(InputKind.TICKER, Ticker),
        book=kept.read(InputKind.ORDER_BOOK, OrderBook),
        daily=kept.read(InputKind.CANDLES_DAILY, tuple[Candle, ...]),
        hourly=kept.read(InputKind.CANDLES_HOURLY, tuple[Candle, ...]),
        wallet=kept.read(InputKind.WALLET, WalletSnapshot),
        own_trades=kept.read(InputKind.OWN_TRADES, tuple[OwnTrade, ...]),
        portfolio_value_usdt=account.portfolio_value_usdt,
        open_positions=kept.read(InputKind.OPEN_POSITIONS, tuple[OpenPosition, ...]),
        investable_capital_usdt=account.investable_capital_usdt,
        circuit_breaker_state=account.circuit_breaker_state,
        blacklist=account.blacklist,
    )


def policy_from_inputs(records: Sequence[InputRecord], payloads: Mapping[str, bytes]) -> ProposalPolicy:
    """Bring the policy back from kept payloads; raises as `facts_from_inputs` does."""
    return policy_of_payload(_Kept(records, payloads).payload(InputKind.POLICY))


class _Kept:
    def __init__(self, records: Sequence[InputRecord], payloads: Mapping[str, bytes]) -> None:
        self._records = {record.source: record for record in records}
        self._payloads = payloads

    def record(self, kind: InputKind) -> InputRecord:
        record = self._records.get(kind)
        if record is None:
            raise StorageError(
                f"The proposal names no input {kind.value}",
                code="proposal_file_invalid",
                why=f"found {', '.join(sorted(self._records)) or 'none'}",
            )
        return record

    def read(self, kind: InputKind, content_type: type[T]) -> T:
        return msgspec.json.decode(self.payload(kind), type=content_type)

    def payload(self, kind: InputKind) -> bytes:
        record = self.record(kind)
        payload = self._payloads.get(record.sha256)
        if payload is None:
            raise StorageError(
                f"The kept input {kind.value} is missing",
                code="proposal_file_missing",
                why=f"there are no bytes with the digest {record.sha256}",
            )
        found = hashlib.sha256(payload).hexdigest()
        if found != record.sha256:
            raise StorageError(
                f"The kept input {kind.value} was changed",
                code="digest_mismatch",
                why=f"its bytes have the digest {found}, expected {record.sha256}",
            )
        return payload


def _content(kind: InputKind, facts: ProposalFacts, policy: ProposalPolicy) -> object:
    contents: dict[InputKind, object] = {
        InputKind.MARKET_RULES: _rules_that_count(facts.rules),
        InputKind.TICKER: facts.ticker,
        InputKind.ORDER_BOOK: facts.book,
        InputKind.CANDLES_DAILY: facts.daily,
        InputKind.CANDLES_HOURLY: facts.hourly,
        InputKind.WALLET: facts.wallet,
        InputKind.OWN_TRADES: facts.own_trades,
        InputKind.OPEN_POSITIONS: facts.open_positions,
        InputKind.ACCOUNT: AccountFacts(
            environment=facts.environment,
            portfolio_value_usdt=facts.portfolio_value_usdt,
            investable_capital_usdt=facts.investable_capital_usdt,
            circuit_breaker_state=facts.circuit_breaker_state,
            blacklist=facts.blacklist,
        ),
        InputKind.POLICY: policy,
    }
    return contents[kind]


def _rules_that_count(rules: MarketRules) -> dict[str, Any]:
    """Return the filters that a proposal's numbers rest on: a rule for orders alone changes no kept bytes."""
    kept = msgspec.structs.asdict(rules)
    del kept["lowest_sell_share"]
    return kept


def _collected(kind: InputKind, facts: ProposalFacts, policy: ProposalPolicy) -> CollectedInput:
    payload = input_payload(kind, facts, policy)
    first_at, last_at, rows = _extent(kind, facts)
    record = InputRecord(
        source=kind,
        venue=facts.venue,
        symbol=facts.symbol,
        timeframe={InputKind.CANDLES_DAILY: "1d", InputKind.CANDLES_HOURLY: "1h"}.get(kind),
        first_at=first_at,
        last_at=last_at,
        rows=rows,
        sha256=hashlib.sha256(payload).hexdigest(),
    )
    return CollectedInput(record=record, payload=payload)


def _extent(kind: InputKind, facts: ProposalFacts) -> tuple[dt.datetime | None, dt.datetime | None, int]:
    """Return first time, last time and number of rows of a source."""
    if kind in {InputKind.CANDLES_DAILY, InputKind.CANDLES_HOURLY}:
        candles = facts.daily if kind is InputKind.CANDLES_DAILY else facts.hourly
        return _range([candle.opened_at for candle in candles])
    if kind is InputKind.OWN_TRADES:
        return _range([trade.executed_at for trade in facts.own_trades])
    if kind is InputKind.OPEN_POSITIONS:
        return None, None, len(facts.open_positions)
    if kind is InputKind.ORDER_BOOK:
        at = facts.book.observed_at
        return at, at, len(facts.book.bids) + len(facts.book.asks)
    if kind is InputKind.WALLET:
        return facts.wallet.observed_at, facts.wallet.observed_at, len(facts.wallet.balances)
    at_ticker = facts.ticker.observed_at if kind is InputKind.TICKER else None
    return at_ticker, at_ticker, 1


def _range(times: Sequence[dt.datetime]) -> tuple[dt.datetime | None, dt.datetime | None, int]:
    return (times[0], times[-1], len(times)) if times else (None, None, 0)
