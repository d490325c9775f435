"""Facts for the engine's tests: a seeded market, and one place to change any single fact."""

import datetime as dt
import math
import random
from decimal import Decimal

import msgspec

from bot.holdings.wallet import Balance, WalletSnapshot
from bot.kernel.market import BookLevel, Candle, MarketRules, OrderBook, OwnTrade, Ticker
from bot.kernel.money import floor_to_step
from bot.proposals.abort import Abort
from bot.proposals.document import Proposal
from bot.proposals.facts import ProposalFacts, ProposalRequest
from bot.proposals.inputs import collect_inputs
from bot.proposals.policy import ProposalPolicy, policy_for
from bot.proposals.proposal_engine import make_proposal

D = Decimal
NOW = dt.datetime(2026, 5, 10, 12, 30, tzinfo=dt.UTC)
CENT = D("0.01")
LEVEL_SIZE = D(200)
PROPOSAL_ID = "0b8f7f9e-5a0e-4a53-9d53-0f3a5b8f8a01"


def walk(
    bars: int,
    *,
    seed: int = 7,
    start: float = 100.0,
    drift: float = 0.0,
    sigma: float = 0.04,
    step: dt.timedelta = dt.timedelta(days=1),
    until: dt.datetime = NOW,
    tick: Decimal = CENT,
) -> tuple[Candle, ...]:
    """Return a random walk of candles; the last one is still running at `until`."""
    random_numbers = random.Random(seed)
    seconds = int(step.total_seconds())
    last_open = dt.datetime.fromtimestamp(int(until.timestamp()) // seconds * seconds, tz=dt.UTC)
    candles, price = [], start
    for number in range(bars):
        close = price * math.exp(drift + sigma * random_numbers.gauss(0.0, 1.0))
        high = max(price, close) * (1 + abs(random_numbers.gauss(0.0, sigma / 3)))
        low = min(price, close) / (1 + abs(random_numbers.gauss(0.0, sigma / 3)))
        on_tick = [max(tick, floor_to_step(D(repr(value)), tick)) for value in (price, high, low, close)]
        candles.append(
            Candle(
                opened_at=last_open - step * (bars - 1 - number),
                open=on_tick[0],
                high=max(on_tick),
                low=min(on_tick),
                close=on_tick[3],
                volume=D(random_numbers.randint(500_000, 2_000_000)),
            )
        )
        price = close
    return tuple(candles)


def rules(**changes: object) -> MarketRules:
    """Return the filters of SOL/USDT, changed where asked."""
    base = MarketRules(
        symbol="SOL/USDT",
        base="SOL",
        quote="USDT",
        active=True,
        tick_size=D("0.01"),
        min_price=D("0.01"),
        max_price=D(100_000),
        step_size=D("0.001"),
        min_quantity=D("0.001"),
        min_notional=D(5),
    )
    return msgspec.structs.replace(base, **changes)


def book_around(
    price: Decimal, *, levels: int = 50, size: Decimal = LEVEL_SIZE, tick: Decimal = CENT
) -> OrderBook:
    """Return a symmetric book, one level per tick."""
    return OrderBook(
        symbol="SOL/USDT",
        bids=tuple(BookLevel(price=price - tick * n, quantity=size) for n in range(1, levels + 1)),
        asks=tuple(BookLevel(price=price + tick * n, quantity=size) for n in range(1, levels + 1)),
        observed_at=NOW,
    )


def wallet_of(quantity: Decimal, asset: str = "SOL", *, complete: bool = True) -> WalletSnapshot:
    """Return a wallet with one coin and some USDT."""
    return WalletSnapshot(
        balances={
            asset: Balance(free=quantity, used=D(0), total=quantity),
            "USDT": Balance(free=D(8_000), used=D(0), total=D(8_000)),
        },
        observed_at=NOW,
        complete=complete,
    )


def a_trade(number: int, side: str, quantity: str, price: str, fee: str, fee_asset: str) -> OwnTrade:
    """Return one fill in SOL/USDT."""
    return OwnTrade(
        trade_id=str(number),
        order_id=f"o{number}",
        symbol="SOL/USDT",
        side=side,
        price=D(price),
        quantity=D(quantity),
        fee=D(fee),
        fee_asset=fee_asset,
        executed_at=NOW - dt.timedelta(days=100 - number),
    )


def facts(
    *,
    seed: int = 7,
    bars: int = 400,
    price: Decimal | None = None,
    daily: tuple[Candle, ...] | None = None,
    **changes: object,
) -> ProposalFacts:
    """Return sound facts for SOL/USDT, changed where asked; the price is the newest close by default."""
    daily = daily or walk(bars, seed=seed)
    last = daily[-1].close if price is None else price
    base = ProposalFacts(
        environment="sandbox",
        venue="box",
        symbol="SOL/USDT",
        rules=rules(),
        ticker=Ticker(
            symbol="SOL/USDT",
            last=last,
            bid=last - D("0.01"),
            ask=last + D("0.01"),
            quote_volume_24h=D(150_000_000),
            observed_at=NOW,
        ),
        book=book_around(last),
        daily=daily,
        hourly=walk(200, seed=seed + 1, start=float(last), sigma=0.008, step=dt.timedelta(hours=1)),
        wallet=wallet_of(D(10)),
        portfolio_value_usdt=D(10_000),
        investable_capital_usdt=D(0),
    )
    return msgspec.structs.replace(base, **changes)


def propose(
    given: ProposalFacts | None = None,
    *,
    request: ProposalRequest | None = None,
    policy: ProposalPolicy | None = None,
    language: str = "en",
) -> Proposal | Abort:
    """Run the engine on the facts."""
    told = given or facts()
    rule = policy or policy_for(told.environment)
    return make_proposal(
        proposal_id=PROPOSAL_ID,
        proposal_version=1,
        request=request or ProposalRequest(asset="SOL"),
        facts=told,
        policy=rule,
        now=NOW,
        ttl=dt.timedelta(days=7),
        inputs=tuple(item.record for item in collect_inputs(told, rule)),
        language=language,
    )


def proposed(
    given: ProposalFacts | None = None,
    *,
    request: ProposalRequest | None = None,
    policy: ProposalPolicy | None = None,
    language: str = "en",
) -> Proposal:
    """Run the engine on facts that must give a proposal."""
    result = propose(given, request=request, policy=policy, language=language)
    assert isinstance(result, Proposal), result
    return result


def aborted(
    given: ProposalFacts | None = None,
    *,
    request: ProposalRequest | None = None,
    policy: ProposalPolicy | None = None,
) -> Abort:
    """Run the engine on facts that must give an abort."""
    result = propose(given, request=request, policy=policy)
    assert isinstance(result, Abort), result.proposal_id
    return result
