"""The risk model as data: every number that turns measurements into a plan.

`RISK_MODEL_VERSION` names the set. A changed number is a new version string, so that an old proposal
says under which rules it was made (DR-12). The policy that was used is kept among the proposal's inputs,
and the engine follows it: a rule that an older model did not have is absent in its policy (see
`policy_of_payload`), so an old proposal can be made again, byte for byte, by today's engine.

- phase1-cautious-v1: levels, sizes, warnings.
- phase1-cautious-v2: the regime has a memory; each plan is rehearsed over the coin's past.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

RISK_MODEL_VERSION = "phase1-cautious-v2"


class VariantName(StrEnum):
    """The three plans that a proposal offers (Q-MH-2)."""

    RECOMMENDED = "recommended"
    CONSERVATIVE = "conservative"
    AGGRESSIVE = "aggressive"


class VariantPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """One plan: how far its levels lie and how much of the allocation it takes."""

    name: VariantName
    stop_atr: Decimal
    """Distance of the stop below the reference price, in ATR."""
    target_atr: Decimal
    """Distance of the target above the reference price, in ATR."""
    share: Decimal
    """Part of the recommended allocation; above one where the caps leave room."""
    trailing_stop: bool = False


class HysteresisPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """The regime's memory: what keeps it from changing sides with every bar."""

    leave_threshold: float = 0.15
    """A bull or bear market ends where the score falls back below it; smaller than the one that begins it."""
    min_days: int = 5
    """Closes for which a regime stays, once it began."""


class RegimePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of the rule-based regime detector; statistics, so plain floats."""

    fast_bars: int = 20
    slow_bars: int = 50
    momentum_bars: int = 30
    drawdown_bars: int = 90
    volatility_bars: int = 30
    long_volatility_bars: int = 180
    trend_scale: float = 0.10
    """Gap between the averages that counts as a full trend."""
    drawdown_scale: float = 0.40
    """Fall from the window's high that counts as a full drawdown."""
    trend_weight: float = 0.5
    momentum_weight: float = 0.3
    drawdown_weight: float = 0.2
    threshold: float = 0.25
    """Scores beyond it are a bull or a bear market."""
    turbulence_discount: float = 0.25
    """Share of the confidence lost when volatility is twice its long-run value."""
    highest_confidence: float = 0.95
    """Rules are never certain."""
    hysteresis: HysteresisPolicy | None = HysteresisPolicy()
    """None in risk models without a memory of the regime."""


class LiquidityPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of the liquidity score."""

    cost_at_zero_bps: Decimal = Decimal(100)
    """Cost of selling the position at which the cost part is zero."""
    participation_at_zero: Decimal = Decimal("0.01")
    """Position value over 24 h volume at which the volume part is zero."""
    cost_weight: Decimal = Decimal("0.7")
    depth_band: Decimal = Decimal("0.01")
    """Bids within this share below the mid price count as depth."""


class ConfidenceWeights(msgspec.Struct, frozen=True, kw_only=True):
    """Weights of the parts of the overall score; they add up to one."""

    history: Decimal = Decimal("0.20")
    liquidity: Decimal = Decimal("0.25")
    regime: Decimal = Decimal("0.25")
    reward_to_risk: Decimal = Decimal("0.15")
    calm: Decimal = Decimal("0.15")


class RehearsalPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How each plan is replayed over the coin's past, and when to doubt the outcome."""

    method: str = "daily-replay-v1"
    horizon_days: int = 30
    """Daily bars after which a plan that touched nothing is sold at the close."""
    warm_up_bars: int = 50
    """Bars before the first plan: Wilder's average is within three percent of its settled value then."""
    fee_bps: Decimal = Decimal(10)
    """Taken from every sale: a spot exchange's ordinary taker fee."""
    small_sample: int = 30
    """Fewer independent samples are warned about."""
    short_history_bars: int = 730
    """Fewer bars have hardly seen a whole bull and bear market."""
    rare_regime_pct: Decimal = Decimal(20)
    """Today's regime on fewer of the rehearsed days is warned about."""
    most_bins: int = 16
    """Bins of the distribution of results, at most."""


_CAUTIOUS_VARIANTS = (
    VariantPolicy(
        name=VariantName.RECOMMENDED,
        stop_atr=Decimal("1.9"),
        target_atr=Decimal("2.4"),
        share=Decimal("1.0"),
    ),
    VariantPolicy(
        name=VariantName.CONSERVATIVE,
        stop_atr=Decimal("3.0"),
        target_atr=Decimal("1.2"),
        share=Decimal("0.5"),
    ),
    VariantPolicy(
        name=VariantName.AGGRESSIVE,
        stop_atr=Decimal("0.9"),
        target_atr=Decimal("3.6"),
        share=Decimal("1.5"),
    ),
)

_STABLECOINS = (
    "USDT", "USDC", "FDUSD", "TUSD", "USDP", "DAI", "BUSD", "USDD", "USDE", "PYUSD", "USD1", "XUSD",
    "RLUSD", "BFUSD", "FRAX", "GUSD", "LUSD", "UST", "USTC", "SUSD", "AEUR", "EURI", "EURC", "EUR",
    "GBP", "TRY", "BRL", "AUD", "JPY", "ARS", "MXN", "PLN", "RUB", "UAH", "ZAR", "BIDR", "IDRT", "NGN",
)  # fmt: skip
_PEGGED_COINS = (
    "WBTC",
    "WBETH",
    "BETH",
    "STETH",
    "WSTETH",
    "RETH",
    "BNSOL",
    "JITOSOL",
    "PAXG",
    "XAUT",
    "WETH",
)


class ProposalPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """All rules of one risk model in one environment."""

    risk_model_version: str = RISK_MODEL_VERSION
    variants: tuple[VariantPolicy, ...] = _CAUTIOUS_VARIANTS
    """Exactly one of each name; the recommended one is the measure for the shares of the others."""
    allowed_variants: tuple[VariantName, ...] = tuple(VariantName)
    min_stop_distance_pct: Decimal = Decimal(1)
    """Smallest distance of the stop from entry and reference price, in percent (M3)."""

    risk_per_trade_share: Decimal = Decimal("0.01")
    """Largest loss at the stop, as a share of the portfolio; the same for every variant (M1)."""
    concentration_cap_share: Decimal = Decimal("0.25")
    """Largest allocation as a share of the portfolio; a holding above it is warned about."""

    min_daily_bars: int = 60
    full_history_bars: int = 250
    """Bars after which Wilder's smoothing has forgotten its seed; fewer are noted."""
    max_candle_age_days: int = 3
    volatility_bars: int = 30

    swing_window_bars: int = 120
    swing_wing_bars: int = 3
    """A swing is the extreme among that many bars on each side, so it is known that many bars late."""
    cluster_width_atr: Decimal = Decimal("0.5")
    pull_within_atr: Decimal = Decimal("0.5")
    pull_buffer_atr: Decimal = Decimal("0.05")

    vwap_hours: int = 720
    correlation_bars: int = 90
    correlation_min_bars: int = 30
    correlation_warning: Decimal = Decimal("0.85")
    wide_spread_pct: Decimal = Decimal("0.5")

    allowed_strategy_groups: tuple[str, ...] = ("t1_core", "t2_pump_dump")
    preferred_strategy_group: str | None = None
    """A group that somebody wishes to be recommended; outside the allow-list it falls back (M5)."""
    pump_volatility_pct: Decimal = Decimal(8)
    pump_volume_ratio: Decimal = Decimal(3)

    stablecoins: tuple[str, ...] = _STABLECOINS
    pegged_coins: tuple[str, ...] = _PEGGED_COINS
    peg_band_pct: Decimal = Decimal(3)
    peg_volatility_pct: Decimal = Decimal("0.5")

    regime: RegimePolicy = RegimePolicy()
    liquidity: LiquidityPolicy = LiquidityPolicy()
    confidence: ConfidenceWeights = ConfidenceWeights()
    rehearsal: RehearsalPolicy | None = RehearsalPolicy()
    """None in risk models without a rehearsal."""


def policy_for(environment: str) -> ProposalPolicy:
    """Return the current risk model for an environment.

    Mainnet is stricter: no aggressive variant, no t2 recommendation (Q-MH-13; DCA is proposed nowhere),
    stop at least 5 % away (M3). It is refused elsewhere (DR-3); its rules stand ready.
    """
    if environment == "mainnet":
        return ProposalPolicy(
            allowed_variants=(VariantName.RECOMMENDED, VariantName.CONSERVATIVE),
            min_stop_distance_pct=Decimal(5),
            allowed_strategy_groups=("t1_core",),
        )
    return ProposalPolicy()


def policy_of_payload(payload: bytes) -> ProposalPolicy:
    """Read a kept policy: rules that came after it are absent, not today's defaults.

    Args:
        payload: Canonical JSON of a policy of this or an older risk model.

    Raises:
        msgspec.ValidationError: When it is no policy.
    """
    policy = msgspec.json.decode(payload, type=ProposalPolicy)
    given = msgspec.json.decode(payload, type=dict[str, msgspec.Raw])
    regime = msgspec.json.decode(given.get("regime", b"{}"), type=dict[str, msgspec.Raw])
    if "hysteresis" not in regime:
        forgetful = msgspec.structs.replace(policy.regime, hysteresis=None)
        policy = msgspec.structs.replace(policy, regime=forgetful)
    if "rehearsal" not in given:
        policy = msgspec.structs.replace(policy, rehearsal=None)
    return policy
