"""Every setting: its name, type, default and meaning. Anything else is an error.

`docs/reference/settings.md` is generated from here. The environment variable of a setting is its name
in upper case with dots as underscores behind `BOT_`: `trading.cycle_s` is `BOT_TRADING_CYCLE_S`.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from bot.kernel.ids import is_asset
from bot.kernel.money import ZERO, NotMoneyError, to_decimal
from bot.lifecycle.documents import Exits
from bot.lifecycle.policy import Feature, OverrideDepth


class BadValueError(ValueError):
    """The text or value does not fit the setting; the message says what would."""


def _never(_before: Any, _after: Any) -> bool:
    return False


def _up(before: Any, after: Any) -> bool:
    return bool(after > before)


def _down(before: Any, after: Any) -> bool:
    return bool(after < before)


def _slower(before: Any, after: Any) -> bool:
    """A guard that waits longer, or is switched off by 0."""
    return bool(after != before and (after == 0 or after > before > 0))


def _away_from(middle: object) -> Callable[[Any, Any], bool]:
    """Build the rule for a limit that is wrong both ways; what goes towards the middle raises no risk."""
    return lambda before, after: not min(before, middle) <= after <= max(before, middle)


def _more(before: Any, after: Any) -> bool:
    return not set(after) <= set(before)


def _fewer(before: Any, after: Any) -> bool:
    return not set(before) <= set(after)


def _other(before: Any, after: Any) -> bool:
    return bool(after != before)


def _to(riskier: object) -> Callable[[Any, Any], bool]:
    return lambda before, after: after == riskier != before


class Setting(NamedTuple):
    """One row of the table."""

    name: str
    default: Any
    read: Callable[[Any], Any]
    meaning: str
    secret: bool = False
    runtime: bool = True
    """Whether it may be changed by command in a running home."""
    raises_risk: Callable[[Any, Any], bool] = _never
    """Whether going from one value to another raises risk, and so needs a typed confirmation."""
    mainnet: Any = None
    """The default of mainnet, where it is another one."""

    def default_in(self, environment: str) -> Any:
        """Return the default of an environment."""
        return self.mainnet if environment == "mainnet" and self.mainnet is not None else self.default

    @property
    def variable(self) -> str:
        """Return the environment variable's name."""
        return "BOT_" + self.name.upper().replace(".", "_")


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise BadValueError("expected text")
    return value


def _one_of(*allowed: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in allowed:
            raise BadValueError(f"expected one of {', '.join(allowed)}")
        return str(value)

    return read


def _number(low: str, high: str) -> Callable[[Any], Decimal]:
    def read(value: Any) -> Decimal:
        try:
            number = to_decimal(str(value) if isinstance(value, float) else value)
        except NotMoneyError as error:
            raise BadValueError(f"expected a number from {low} to {high}") from error
        if not Decimal(low) <= number <= Decimal(high):
            raise BadValueError(f"expected a number from {low} to {high}")
        return number

    return read


def _whole(low: int, high: int) -> Callable[[Any], int]:
    number = _number(str(low), str(high))

    def read(value: Any) -> int:
        found = number(value)
        if found != int(found):
            raise BadValueError(f"expected a whole number from {low} to {high}")
        return int(found)

    return read


def _list(allowed: Callable[[str], bool], what: str) -> Callable[[Any], tuple[str, ...]]:
    def read(value: Any) -> tuple[str, ...]:
        items = value.split(",") if isinstance(value, str) else value
        if not isinstance(items, list | tuple) or not all(isinstance(item, str) for item in items):
            raise BadValueError(f"expected a list of {what}")
        names = tuple(item.strip() for item in items if item.strip())
        wrong = [name for name in names if not allowed(name)]
        if wrong:
            raise BadValueError(f"expected {what}, got {wrong[0]!r}")
        return names

    return read


def _amounts(value: Any) -> tuple[tuple[str, Decimal], ...]:
    if not isinstance(value, str | Mapping):
        raise BadValueError("expected amounts such as SOL=10,USDT=1000")
    items = value.split(",") if isinstance(value, str) else [f"{k}={v}" for k, v in value.items()]
    found = []
    for item in items:
        asset, _, amount = item.partition("=")
        if not is_asset(asset.strip()):
            raise BadValueError(f"expected amounts such as SOL=10,USDT=1000, got {item!r}")
        found.append((asset.strip(), _number("0", "1000000000000")(amount.strip())))
    return tuple(found)


_VARIANTS = ("recommended", "conservative", "aggressive")
_STRATEGIES = ("t1_core", "t2_pump_dump")

SETTINGS: tuple[Setting, ...] = (
    Setting(
        "environment",
        "sandbox",
        _text,
        "Where this home trades: sandbox, paper or testnet. Fixed at bot init.",
        runtime=False,
    ),
    Setting("quote", "USDT", _text, "The coin that prices are in.", runtime=False),
    Setting(
        "exchange.rest_url",
        "",
        _text,
        "REST address of the box (sandbox), or of a Hyperliquid counterpart on loopback; empty: the box that `bot box serve` wrote into this home, or the testnet.",
        runtime=False,
    ),
    Setting("exchange.ws_url", "", _text, "WebSocket origin of the box (sandbox).", runtime=False),
    Setting(
        "exchange.credentials_file",
        "",
        _text,
        "JSON file (mode 0600) with api_key and secret, or for Hyperliquid with wallet_address and private_key; used where the environment gives none.",
        runtime=False,
    ),
    Setting("exchange.api_key", "", _text, "API key; by environment only.", secret=True, runtime=False),
    Setting("exchange.secret", "", _text, "API secret; by environment only.", secret=True, runtime=False),
    Setting("exchange.venue", "binance", _one_of("binance", "hyperliquid"), "Whose spot testnet the environment testnet is; at hyperliquid the quote is USDC.", runtime=False),
    Setting("exchange.wallet_address", "", _text, "Hyperliquid: address of the account that holds the coins.", runtime=False),
    Setting("exchange.private_key", "", _text, "Hyperliquid: private key of an API wallet of that account; by environment only.", secret=True, runtime=False),
    Setting("exchange.timeout_s", Decimal(10), _number("0.1", "120"), "How long one request may take.", runtime=False),
    Setting(
        "exchange.data_source",
        "sandbox",
        _one_of("sandbox", "testnet"),
        "Where the paper environment takes its public data from.",
        runtime=False,
    ),
    Setting(
        "paper.opening",
        (("SOL", Decimal(25)), ("ETH", Decimal(2)), ("USDT", Decimal(5_000))),
        _amounts,
        "What the paper account holds at its opening, as SOL=25,USDT=5000.",
        runtime=False,
    ),
    Setting(
        "exchange.lookup_settles_after_s",
        Decimal(30),
        _number("1", "600"),
        "When 'no such order' is believed after an unknown outcome; never sooner than a request can live.",
        runtime=False,
    ),
    Setting("database.url", "", _text, "SQL database of the bus; empty: SQLite in the home.", secret=True, runtime=False),
    Setting("database.keep_finished_days", Decimal(90), _number("1", "36500"), "How long finished commands are kept; their idempotency keys with them."),
    Setting("backup.mirror", "", _text, "Folder on another disk for an hourly verified copy of the home; empty: none.", runtime=False),
    Setting("lifecycle.proposal_ttl_hours", Decimal(168), _number("0.01", "8760"), "Q-MH-1: how long a proposal may be decided.", raises_risk=_up),
    Setting("lifecycle.variants", _VARIANTS, _list(lambda v: v in _VARIANTS, "variants"), "Q-MH-2: variants that may be approved.", raises_risk=_more, mainnet=("recommended", "conservative")),
    Setting("lifecycle.override_depth", "medium", _one_of(*OverrideDepth), "Q-MH-3: how far an override may go: stop and target only, or all but the strategy group.", raises_risk=_to("medium")),
    Setting("lifecycle.disabled", (), _list(lambda v: v in set(Feature), "features"), "Q-MH-13: what is not offered here: aggressive_variant, dca, t2_recommendation.", raises_risk=_fewer, mainnet=tuple(Feature)),
    Setting("approval.four_eyes", "off", _one_of("off", "on"), "Whether somebody else than the requester must approve.", raises_risk=_to("off")),
    Setting("lifecycle.cooldown_hours", Decimal(24), _number("0", "8760"), "Q-MH-12: rest after a no.", raises_risk=_down, mainnet=Decimal(168)),
    Setting("lifecycle.reengage", "via_frozen", _one_of("via_frozen", "direct"), "Q-MH-9: the way back after an exit.", raises_risk=_to("direct")),
    Setting("lifecycle.min_entry_stop_pct", Decimal(1), _number("1", "50"), "M3: smallest distance from entry to stop, in percent.", raises_risk=_down, mainnet=Decimal(5)),
    Setting("lifecycle.strategies", _STRATEGIES, _list(lambda v: v in _STRATEGIES, "strategy groups"), "Allow-list of strategy groups.", raises_risk=_more),
    Setting("lifecycle.stale_after_atr", Decimal(1), _number("0.01", "10"), "A proposal is stale once the price moved this many ATR.", raises_risk=_up),
    Setting("lifecycle.quantity_drift_pct", Decimal(5), _number("0", "50"), "Q-MH-7: allowed difference of quantities, in percent.", raises_risk=_up),
    Setting("lifecycle.price_drift_atr", Decimal(2), _number("0.1", "100"), "Q-MH-7: how far the price may leave its reference, in ATR.", raises_risk=_up),
    Setting("lifecycle.regime_drift", "opposite", _one_of("opposite", "off"), "Q-MH-7: whether a turn from BEAR to BULL, or back, is drift.", raises_risk=_to("off")),
    Setting("lifecycle.drift_price_max_age_s", Decimal(60), _number("1", "3600"), "How old a price may be for a verdict about drift.", raises_risk=_down),
    Setting("trading.regime_reads_per_cycle", 2, _whole(0, 100), "How many coins' daily candles one cycle may read after a close; 0 = regimes are not watched.", raises_risk=_to(0)),
    Setting("trading.own_trades_reads_per_cycle", 2, _whole(0, 100), "Of how many coins one cycle reads the account's own trades, each about once a minute; 0 = only after a start, a lost answer or a short wallet.", raises_risk=_to(0)),
    Setting("lifecycle.approval_facts_max_age_s", Decimal(60), _number("1", "600"), "How old price and balance may be at an approval.", raises_risk=_up),
    Setting("risk.investable_capital_usdt", ZERO, _number("0", "1000000000000"), "CAP-1: hard cap for what the bot may buy; 0 = it buys nothing.", raises_risk=_up),
    Setting("risk.blacklist", (), _list(is_asset, "assets"), "Coins that are never proposed.", raises_risk=_fewer),
    Setting("proposals.language", "en", _one_of("en", "de"), "Language of a proposal's explanation."),
    Setting("engine.threads", 2, _whole(1, 16), "How many coins the proposal engine works on at once."),
    Setting("proposals.suggestions", "off", _one_of("off", "on"), "Q-MH-6: whether bot suggestions may point at frozen coins worth a proposal; a message, nothing more."),
    Setting("trading.resting_stop", "off", _one_of("off", "on"), "Whether the live stop of a coin in the bot's hands also rests at the exchange, so that it works when the bot is dead.", raises_risk=_other),
    Setting("trading.resting_stop_buffer_bps", Decimal(100), _number("1", "2000"), "How far below its level a stop at the exchange may sell, in hundredths of a percent; counts from the next one that is placed.", raises_risk=_up),
    Setting("exchange.streams", "on", _one_of("off", "on"), "Whether the loop follows the exchange's streams between its cycles; off: it only polls.", runtime=False),
    Setting("exchange.stream_silence_s", Decimal(10), _number("0.2", "300"), "A stream that answers no ping for so long counts as lost and is opened anew.", runtime=False),
    Setting("trading.cycle_s", Decimal(5), _number("0.05", "3600"), "Pause between two cycles of the trading loop: how late a stop may be seen.", raises_risk=_up),
    Setting("trading.price_max_age_s", Decimal(60), _number("5", "600"), "How old a price may be for an exit by stop or target: too low and a stop waits, too high and it sells on what nobody sees any more.", raises_risk=_away_from(Decimal(60))),
    Setting("watchdog.stale_data_s", Decimal(120), _number("0", "3600"), "Trading halts when no coin in the bot's hands had a fresh price for so long; 0 = it never does.", raises_risk=_slower),
    Setting("watchdog.stale_loop_s", Decimal(180), _number("0", "3600"), "Trading halts when the loop finished no cycle for so long beyond its pause; 0 = it never does.", raises_risk=_slower),
    Setting("watchdog.exits", "on", _one_of(*Exits), "Whether stop and target stay armed, on fresh prices, while the watchdog has halted trading.", raises_risk=_to("off")),
    Setting("worker.safety_poll_s", Decimal(5), _number("0.05", "60"), "How often the worker looks without being woken."),
    Setting("cli.wait_s", Decimal(20), _number("0", "600"), "How long a command of the command line waits for its outcome."),
)  # fmt: skip

BY_NAME: dict[str, Setting] = {row.name: row for row in SETTINGS}
