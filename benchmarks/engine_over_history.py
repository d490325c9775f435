"""The engine over every coin and every week of the real candles; writes `docs/engine-over-history.md`.

`python -m benchmarks.engine_over_history` (about two minutes; the candles' folder by BOT_TEST_OHLCV). Exits 1
if a run raised, or a document broke its schema. `--print` leaves the page as it is.
"""

import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec

from bot.kernel.canonical import readable_bytes
from bot.kernel.market import Candle
from bot.lifecycle.command_payloads import EntryMethod
from bot.proposals.abort import Abort
from bot.proposals.document import Proposal, to_document, variants_of
from bot.proposals.facts import ProposalFacts, ProposalRequest
from bot.proposals.policy import RISK_MODEL_VERSION, VariantName
from bot.proposals.rehearsal_replay import STOP, TARGET, Costs
from tests.unit.proposals.plain_rehearsal import Bar, one_plan
from tests.unit.proposals.proposal_facts import propose
from tests.unit.proposals.real_market import COINS, candle_file, facts_at, read_candles

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "engine-over-history.md"
WEEK = 7
METHODS = tuple(EntryMethod)
FREE = Costs(fee_bps=0.0, spread_bps=0.0, minimum_notional=0.0, value=1.0)


class Tally(msgspec.Struct):
    """What the weeks of one coin came to."""

    coin: str
    first: str
    last: str
    counts: Counter[str] = msgspec.field(default_factory=Counter)
    took_ms: list[float] = msgspec.field(default_factory=list)
    said: dict[str, list[float]] = msgspec.field(default_factory=dict)
    """Percentages that the rehearsals said, by variant and end."""
    came: Counter[str] = msgspec.field(default_factory=Counter)
    """How the plans really ended in the thirty days after, by variant and end."""


def main(arguments: Sequence[str]) -> int:
    """Run every week of every coin, and write the page."""
    schema = jsonschema_rs.validator_for((ROOT / "schemas" / "risk_proposal.schema.json").read_text("utf-8"))
    daily = {coin: read_candles(candle_file(coin)) for coin in COINS}
    tallies = []
    for coin in COINS:
        print(f"{coin} …", file=sys.stderr)
        other = daily["ETH" if coin == "BTC" else "BTC"]
        tallies.append(tally(coin, daily[coin], read_candles(candle_file(coin, "1h")), other, schema))
    page = as_page(tallies)
    print(page)
    if "--print" not in arguments:
        PAGE.write_text(page, encoding="utf-8")
    return 1 if any(one.counts["raised"] or one.counts["invalid"] for one in tallies) else 0


def tally(
    coin: str, daily: tuple[Candle, ...], hourly: tuple[Candle, ...], other: tuple[Candle, ...], schema: Any
) -> Tally:
    """Propose once a week, from the first day on; both environments and every entry method take turns."""
    found = Tally(coin=coin, first=f"{daily[0].opened_at:%Y-%m-%d}", last=f"{daily[-1].opened_at:%Y-%m-%d}")
    for week, at in enumerate(range(0, len(daily), WEEK)):
        told = facts_at(daily, at, hourly=hourly, other=other)
        if week % 2:
            told = msgspec.structs.replace(told, environment="mainnet")
        found.counts["weeks"] += 1
        try:
            result = timed(told, METHODS[week % len(METHODS)], found)
        except Exception:  # noqa: BLE001 - whatever it is, it is counted and shown
            traceback.print_exc()
            found.counts["raised"] += 1
            continue
        if isinstance(result, Abort):
            found.counts[result.code] += 1
            continue
        found.counts["proposed"] += 1
        found.counts["invalid"] += not schema.is_valid(
            msgspec.json.decode(readable_bytes(to_document(result)))
        )
        count_proposal(found, result, daily[at : at + 30])
    return found


def timed(told: ProposalFacts, method: EntryMethod, found: Tally) -> Proposal | Abort:
    """Make one proposal and note how long it took; proposals alone count for the time."""
    value = told.ticker.last if method is EntryMethod.MANUAL else None
    request = ProposalRequest(asset="SOL", synthetic_entry_method=method, synthetic_entry_value=value)
    start = time.process_time()
    result = propose(told, request=request)
    if isinstance(result, Proposal):
        found.took_ms.append((time.process_time() - start) * 1_000)
    return result


def count_proposal(found: Tally, proposal: Proposal, after: Sequence[Candle]) -> None:
    """Count what a proposal says, and how its plans ended in the days after it."""
    found.counts[proposal.market_context.regime.value] += 1
    for terms in variants_of(proposal):
        found.counts[f"allowed {terms.variant}"] += terms.allowed
    rehearsal = proposal.rehearsal
    if rehearsal is None or not rehearsal.variants or len(after) < rehearsal.horizon_days:
        return
    found.counts["rehearsed"] += 1
    run = [Bar(float(bar.open), float(bar.high), float(bar.low), float(bar.close)) for bar in after]
    spoken = {one.variant: one for one in rehearsal.variants}
    for terms in variants_of(proposal):
        said = spoken.get(terms.variant)
        if said is None:
            continue
        end = one_plan(
            0, run, float(terms.stop_loss), float(terms.take_profit), trailing=False, costs=FREE
        ).end
        found.came[f"{terms.variant} count"] += 1
        found.came[f"{terms.variant} stop"] += end == STOP
        found.came[f"{terms.variant} target"] += end == TARGET
        found.said.setdefault(f"{terms.variant} stop", []).append(float(said.stop_hit_pct))
        found.said.setdefault(f"{terms.variant} target", []).append(float(said.target_hit_pct))


def as_page(tallies: Sequence[Tally]) -> str:
    """Return the page in Markdown."""
    return "\n".join([*_head(), *_outcomes(tallies), *_regimes(tallies), *_promises(tallies)]) + "\n"


def _head() -> Iterator[str]:
    yield "# The engine over real history"
    yield ""
    yield f"Made by `python -m benchmarks.engine_over_history` with the risk model `{RISK_MODEL_VERSION}`:"
    yield "one proposal a week for each coin, at noon, from its first daily candle on. Candles are real"
    yield "(Binance spot, daily and hourly); book, filters and wallet are invented around the price, the"
    yield "portfolio is 10,000 USDT. Sandbox and mainnet rules take turns, and so do the four entry methods."
    yield "A test repeats a sample of it."
    yield ""


def _outcomes(tallies: Sequence[Tally]) -> Iterator[str]:
    columns = ("weeks", "proposed", "not_enough_history", "other", "raised", "invalid")
    yield "## Outcomes"
    yield ""
    yield "| coin | days | weeks | proposed | too little history | other aborts | raised | invalid |"
    yield "|---|---|--:|--:|--:|--:|--:|--:|"
    total: Counter[str] = Counter()
    for one in tallies:
        counts = one.counts
        counts["other"] = counts["weeks"] - sum(
            counts[name] for name in ("proposed", "not_enough_history", "raised")
        )
        total.update({name: counts[name] for name in columns})
        figures = " | ".join(f"{counts[name]:,}" for name in columns)
        yield f"| {one.coin} | {one.first} to {one.last} | {figures} |"
    yield "| all | | " + " | ".join(f"{total[name]:,}" for name in columns) + " |"
    yield ""
    times = sorted(took for one in tallies for took in one.took_ms)
    yield f"A proposal took {times[len(times) // 2]:.0f} ms of processor time (median); fetching"
    yield "and writing are not in it. An invalid document is one that breaks its schema."
    yield ""


def _regimes(tallies: Sequence[Tally]) -> Iterator[str]:
    yield "## Regimes, and variants that could be approved"
    yield ""
    yield "Every second week ran under mainnet's rules, which switch the aggressive variant off."
    yield ""
    yield "| coin | bull | sideways | bear | recommended | conservative | aggressive |"
    yield "|---|--:|--:|--:|--:|--:|--:|"
    for one in tallies:
        counts = one.counts
        regimes = " | ".join(f"{counts[name]:,}" for name in ("BULL", "SIDEWAYS", "BEAR"))
        allowed = " | ".join(f"{counts[f'allowed {name}']:,}" for name in VariantName)
        yield f"| {one.coin} | {regimes} | {allowed} |"
    yield ""


def _promises(tallies: Sequence[Tally]) -> Iterator[str]:
    yield "## What the rehearsal said, and what came"
    yield ""
    yield "Mean of the percentages that the rehearsals said on the day of the proposal, beside how the same"
    yield "plans really ended in the thirty days after it, which the rehearsals could not know. The weeks"
    yield "overlap, so small differences mean nothing."
    yield ""
    yield "| coin | variant | plans | stop, said | stop, came | target, said | target, came |"
    yield "|---|---|--:|--:|--:|--:|--:|"
    for one in tallies:
        for name in VariantName:
            plans = one.came[f"{name} count"]
            if not plans:
                continue
            cells = []
            for end in ("stop", "target"):
                said = one.said[f"{name} {end}"]
                cells += [
                    f"{sum(said) / len(said):.0f} %",
                    f"{one.came[f'{name} {end}'] / plans * 100:.0f} %",
                ]
            yield f"| {one.coin} | {name} | {plans:,} | {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
