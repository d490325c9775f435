"""What applying settings would do: checked by the table, compared without flags and environment."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from bot.app.settings import resolve
from bot.app.settings_review import review_settings
from bot.app.settings_table import BY_NAME, SETTINGS
from bot.kernel.errors import RefusedError
from bot.lifecycle.policy import Feature
from bot.lifecycle.roles import Role, User
from bot.lifecycle.runtime_config import SettingsReview

COOLDOWN = "lifecycle.cooldown_hours"
# Each setting that can raise risk: one step up in risk, as (before, after).
RISKIER: dict[str, tuple[Any, Any]] = {
    "lifecycle.proposal_ttl_hours": (24, 48),
    "lifecycle.variants": (["recommended"], ["recommended", "aggressive"]),
    "lifecycle.override_depth": ("minimal", "medium"),
    "lifecycle.disabled": (["dca", "aggressive_variant"], ["dca"]),
    "approval.four_eyes": ("on", "off"),
    COOLDOWN: (48, 24),
    "lifecycle.reengage": ("via_frozen", "direct"),
    "lifecycle.min_entry_stop_pct": (5, 2),
    "lifecycle.strategies": (["t1_core"], ["t1_core", "t2_pump_dump"]),
    "lifecycle.stale_after_atr": (1, 2),
    "lifecycle.quantity_drift_pct": (5, 10),
    "lifecycle.price_drift_atr": (2, 3),
    "lifecycle.regime_drift": ("opposite", "off"),
    "lifecycle.drift_price_max_age_s": (60, 1),  # every price is too old then: no price drift, ever
    "trading.regime_reads_per_cycle": (2, 0),
    "trading.own_trades_reads_per_cycle": (2, 0),
    "trading.cycle_s": (5, 3600),
    "trading.price_max_age_s": (60, 600),
    "watchdog.stale_data_s": (120, 0),
    "watchdog.stale_loop_s": (180, 600),
    "watchdog.exits": ("on", "off"),
    "trading.resting_stop": ("on", "off"),
    "trading.resting_stop_buffer_bps": (100, 500),  # a sale may bring so much less
    "lifecycle.approval_facts_max_age_s": (60, 120),
    "risk.investable_capital_usdt": (0, 500),
    "risk.blacklist": (["SOL", "XRP"], ["XRP"]),
}


def review(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    file: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
) -> SettingsReview:
    return review_settings(before, after, file=file or {}, environ=environ or {})


BOTH_WAYS = {"trading.resting_stop"}
"""Off, nobody sells for a dead bot; on, orders of the bot's own rest at the exchange and lock coins."""


def test_every_setting_that_can_raise_risk_has_its_example_here() -> None:
    missing = [
        row.name
        for row in SETTINGS
        if row.raises_risk is not BY_NAME["cli.wait_s"].raises_risk and row.name not in RISKIER
    ]
    assert missing == []


@pytest.mark.parametrize("name", RISKIER)
def test_what_raises_risk_is_marked_and_the_way_back_is_not(name: str) -> None:
    low, high = RISKIER[name]
    assert review({name: low}, {name: high}).confirmation == name
    assert review({name: high}, {name: low}).confirmation == (name if name in BOTH_WAYS else "")


@pytest.mark.parametrize(
    ("name", "before", "after", "is_risk"),
    [
        ("watchdog.stale_data_s", 120, 121, True),
        ("watchdog.stale_data_s", 121, 120, False),
        ("watchdog.stale_data_s", 0, 3600, False),
        ("watchdog.stale_loop_s", 180, 0, True),
        ("trading.price_max_age_s", 60, 10, True),  # a stop would wait for prices that never come so young
        ("trading.price_max_age_s", 10, 60, False),
        ("trading.price_max_age_s", 600, 10, True),
    ],
)
def test_a_watch_that_is_slowed_or_switched_off_is_confirmed(
    *, name: str, before: int, after: int, is_risk: bool
) -> None:
    assert review({name: before}, {name: after}).confirmation == (name if is_risk else "")


def test_a_setting_that_falls_back_to_the_files_may_raise_risk_as_well() -> None:
    assert review({COOLDOWN: 48}, {}).confirmation == COOLDOWN
    assert review({COOLDOWN: 48}, {}, file={"lifecycle": {"cooldown_hours": 72}}).confirmation == ""


def test_the_changes_say_what_counts_before_and_after() -> None:
    told = review({}, {COOLDOWN: "48", "risk.blacklist": "XRP, DOGE"})
    assert [(change.name, change.before, change.after) for change in told.changes] == [
        (COOLDOWN, "24", "48"),
        ("risk.blacklist", "", "XRP,DOGE"),
    ]


def test_values_are_kept_in_the_form_that_the_document_holds() -> None:
    told = review({}, {COOLDOWN: "48.0", "risk.blacklist": "XRP"})
    assert told.settings == {COOLDOWN: Decimal(48), "risk.blacklist": ["XRP"]}


def test_a_variable_that_wins_here_is_named_and_does_not_hide_a_risk() -> None:
    told = review({COOLDOWN: 48}, {COOLDOWN: 24}, environ={"BOT_LIFECYCLE_COOLDOWN_HOURS": "3"})
    assert told.changes[0].overridden_by == "BOT_LIFECYCLE_COOLDOWN_HOURS"
    assert told.confirmation == COOLDOWN


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"lifecycle.cooldown": 3}, "setting_unknown"),
        ({COOLDOWN: -1}, "setting_invalid"),
        ({COOLDOWN: "soon"}, "setting_invalid"),
        ({COOLDOWN: {"hours": 3}}, "setting_invalid"),
        *(({row.name: "x"}, "setting_not_changeable") for row in SETTINGS if not row.runtime),
    ],
)
def test_what_cannot_be_applied_is_refused_by_its_own_code(settings: dict[str, Any], code: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        review({}, settings)
    assert refusal.value.code == code
    assert next(iter(settings)) in refusal.value.what


@pytest.mark.parametrize("name", ["environment", "quote", "exchange.secret", "database.url", "backup.mirror"])
def test_what_is_fixed_or_secret_never_changes_by_command(name: str) -> None:
    assert BY_NAME[name].runtime is False


def test_applied_users_take_the_place_of_the_files() -> None:
    file = {"users": {"ann": {"role": "admin", "os_user": "ann"}}}
    bob = {"bob": User(role=Role.ADMIN, os_user="bob")}
    first = resolve(flags={}, environ={}, runtime={}, file=file)
    assert (set(first.users), first.users_from) == ({"ann"}, "bot.toml")
    then = resolve(flags={}, environ={}, runtime={}, file=file, users=bob)
    assert (set(then.users), then.users_from) == ({"bob"}, "runtime config")
    assert set(resolve(flags={}, environ={}, runtime={}, file=file, users={}).users) == {"ann"}


def test_mainnets_defaults_are_the_stricter_ones_of_the_specification() -> None:
    """Q-MH-2, Q-MH-12, Q-MH-13, M1, M3; mainnet itself stays closed (DR-3)."""
    policy = resolve(flags={"environment": "mainnet"}, environ={}, runtime={}, file={}).lifecycle_policy()
    assert policy.variants == ("recommended", "conservative")
    assert policy.cooldown.days == 7
    assert policy.min_entry_stop_pct == 5
    assert set(policy.disabled) == set(Feature)
    assert policy.reengage_direct is False


def test_the_other_environments_have_the_specifications_defaults() -> None:
    """Q-MH-1, Q-MH-2, Q-MH-3, Q-MH-7, Q-MH-9, Q-MH-12, Q-MH-13, M3."""
    for environment in ("sandbox", "paper", "testnet"):
        found = resolve(flags={"environment": environment}, environ={}, runtime={}, file={})
        policy = found.lifecycle_policy()
        assert policy.proposal_ttl.days == 7
        assert policy.variants == ("recommended", "conservative", "aggressive")
        assert policy.override_depth == "medium"
        assert (policy.cooldown.days, policy.cooldown.seconds) == (1, 0)
        assert policy.disabled == ()
        assert (policy.reengage_direct, policy.four_eyes) == (False, False)
        assert (policy.min_entry_stop_pct, policy.quantity_drift_pct) == (Decimal(1), Decimal(5))
        assert policy.approval_facts_max_age.total_seconds() == 60
        assert policy.investable_capital_usdt == 0
