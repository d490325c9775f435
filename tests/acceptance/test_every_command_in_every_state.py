"""Every command in every situation by everybody: exactly the allowed are accepted, the rest is told why.

The tables below are the specification's words, not the program's: situations are those of
`tests/fakes/situations.py`, each reached by real commands in a real home.
"""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bot.kernel.reasons import REASONS
from bot.lifecycle.commands import CommandState, CommandType
from tests.fakes.situations import ACTORS, OLD, POLICY, YOUNG, Situations, coin_of, words_of

WHO = {
    "request": "operator admin",
    "approve": "admin",
    "reject": "admin",
    "pause": "operator admin",
    "resume": "operator admin",
    "resume_override": "admin",
    "resume_accept": "admin",
    "release": "operator admin",
    "override": "admin",
    "force": "admin",
    "begin": "bot",
    "complete": "bot",
    "abort": "bot",
    "flag": "bot",
    "update": "bot",
    "gone": "bot",
    "regime_seen": "bot",
    "open": "bot",
    "close": "bot",
    "fill": "bot",
    "agree_dca": "admin",
    "buy": "bot",
    "stop": "bot",
    "expire": "system",
    "complete_release": "system",
    "settle": "system",
}
"""Who may say what; the longest name that an ask begins with counts. `admin` means every admin."""

GROUPS = {
    "waiting": "proposed proposed_stale proposed_unknown proposed_expired",
    "making": "pending pending_begun",
    "over": "aborted rejected_cooling rejected_rested",
    "trading": "active active_intent sideways buyable buying resting",
    "paused": "paused_on paused_off paused_drifted paused_intent paused_buying paused_resting",
    "alerted": "drift_price drift_regime drift_qty drift_wallet drift_reset",
    "doubtful": "paused_drifted drift_qty drift_wallet drift_reset",
    "releasing": "releasing_graceful releasing_immediate releasing_intent releasing_buying releasing_resting",
    "at_rest": "resting paused_resting releasing_resting",
    "buy_in_flight": "buying paused_buying releasing_buying",
    "in_flight": "active_intent paused_intent releasing_intent",
    "in_hands": "trading paused alerted releasing",
    "decided": "rejected_cooling rejected_rested in_hands exited",
}
"""Names for several situations."""

YES, NO = "applied", "transition_not_allowed"
# For each ask: code -> situations; the first line that names a situation counts; `*` is all the rest.
TABLE: dict[str, dict[str, str]] = {
    "request": {
        YES: "frozen",
        "proposal_in_progress": "making",
        "cooldown_running": "rejected_cooling",
        "settling_due": "aborted rejected_rested",
        "reengage_via_frozen": "exited",
        NO: "*",
    },
    "begin": {YES: "making", "proposal_not_current": "*"},
    "complete": {YES: "making", "proposal_not_current": "*"},
    "abort": {YES: "making", "proposal_not_current": "*"},
    "approve": {
        YES: "proposed",
        "proposal_stale": "proposed_stale",
        "balance_unknown": "proposed_unknown",
        "proposal_expired": "proposed_expired",
        "proposal_already_decided": "decided",
        NO: "*",
    },
    "approve_typo": {
        "confirmation_wrong": "proposed proposed_stale proposed_unknown",
        "proposal_expired": "proposed_expired",
        "proposal_already_decided": "decided",
        NO: "*",
    },
    "approve_other": {"proposal_not_current": "waiting", NO: "*"},
    "reject": {YES: "waiting", "proposal_already_decided": "decided", NO: "*"},
    "expire_ttl": {
        YES: "proposed_expired",
        "not_expired": "waiting",
        "proposal_already_decided": "decided",
        NO: "*",
    },
    "expire_stale": {YES: "waiting", "proposal_already_decided": "decided", NO: "*"},
    "pause_on": {YES: "trading", "paused_already": "paused paused_intent", NO: "*"},
    "pause_off": {
        YES: "trading paused_on paused_drifted paused_buying",
        "paused_already": "paused_off paused_intent paused_resting",
        NO: "*",
    },
    "resume": {
        "drift_unresolved": "paused_drifted",
        YES: "paused",
        "resume_needs_override": "alerted",
        NO: "*",
    },
    "resume_override": {"drift_unresolved": "paused_drifted", YES: "paused alerted", NO: "*"},
    "resume_accept": {"balance_too_small": "drift_reset", YES: "paused alerted", NO: "*"},
    "release_graceful": {
        YES: "paused alerted exited",
        "pause_first": "trading",
        "release_pending_already": "releasing",
        NO: "*",
    },
    "release_immediate": {
        YES: "paused alerted exited releasing_graceful releasing_intent releasing_buying releasing_resting",
        "pause_first": "trading",
        "release_pending_already": "releasing_immediate",
        NO: "*",
    },
    "complete_release": {
        "exit_in_flight": "releasing_intent",
        "buy_in_flight": "releasing_buying",
        "stop_is_resting": "releasing_resting",
        YES: "releasing",
        NO: "*",
    },
    "settle": {"not_settled": "rejected_cooling", YES: "aborted rejected_rested", NO: "*"},
    "override": {YES: "trading paused", NO: "*"},
    "force_exit": {
        "exits_are_off": "paused_off paused_intent paused_resting",
        YES: "trading paused",
        NO: "*",
    },
    "open": {
        "exit_in_flight": "in_flight",
        "drift_unresolved": "doubtful",
        "exits_are_off": "paused_off releasing_immediate paused_resting",
        "stop_is_resting": "at_rest",
        YES: "in_hands",
        NO: "*",
    },
    "close": {YES: "in_flight", "no_exit_intent": "*"},
    "fill": {YES: "in_flight", "no_exit_intent": "*"},
    "stop_open": {
        "stop_is_resting": "at_rest",
        "exit_in_flight": "in_flight",
        "drift_unresolved": "doubtful",
        "exits_are_off": "paused_off releasing_immediate",
        YES: "in_hands",
        NO: "*",
    },
    "stop_close": {YES: "at_rest", "no_resting_stop": "*"},
    "stop_fill": {YES: "at_rest", "no_exit_intent": "*"},
    "agree_dca": {YES: "trading paused", NO: "*"},
    "buy_open": {
        "buy_in_flight": "buy_in_flight",
        "exit_in_flight": "in_flight",
        "drift_unresolved": "alerted paused_drifted",
        YES: "buyable",
        "averaging_not_agreed": "trading",
        NO: "*",
    },
    "buy_close": {YES: "buy_in_flight", "no_buy_intent": "*"},
    "buy_fill": {YES: "buy_in_flight", "no_buy_intent": "*"},
    "regime_seen": {YES: "sideways", "state_changed": "*"},
}
_MANAGED_BUT_RELEASED = "trading paused alerted"
# A drift that is recorded already is told once; what doubts the quantity is recorded in a release too.
KNOWN_DRIFT = {
    "flag_price": ("drift_price", _MANAGED_BUT_RELEASED),
    "flag_regime": ("drift_regime", _MANAGED_BUT_RELEASED),
    "flag_qty": ("drift_qty paused_drifted", "in_hands"),
    "flag_wallet": ("drift_wallet", "in_hands"),
    "flag_reset": ("drift_reset", "in_hands"),
}
TABLE |= {ask: {"drift_known": known, YES: where, NO: "*"} for ask, (known, where) in KNOWN_DRIFT.items()}

# What was recorded is brought up to date or is gone; of nothing recorded there is nothing to tell.
TABLE |= {
    f"{word}_{ask.removeprefix('flag_')}": {YES: known, "state_changed": "*"}
    for ask, (known, _) in KNOWN_DRIFT.items()
    for word in ("update", "gone")
}

SITUATIONS = [*YOUNG, *OLD]
ANY_TIME = dt.datetime(2026, 5, 3, tzinfo=dt.UTC)


def members(names: str) -> set[str]:
    """Return the situations that a group, or several, stand for."""
    found: set[str] = set()
    for name in names.split():
        found |= members(GROUPS[name]) if name in GROUPS else {name}
    return found


def expected_code(ask: str, situation: str) -> str:
    """Return what the specification answers to somebody who may ask."""
    lines = TABLE[ask].items()
    return next(code.strip() for code, where in lines if where == "*" or situation in members(where))


def may_say(ask: str, who: str) -> bool:
    """Say whether the specification lets this person, or this part of the program, ask at all."""
    allowed = WHO[max((name for name in WHO if ask.startswith(name)), key=len)]
    return who.removeprefix("other_") in allowed.split()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Situations]:
    made = Situations(tmp_path_factory.mktemp("situations") / "home")
    yield made
    made.app.close()


def test_every_situation_and_every_command_of_one_coin_is_in_the_table() -> None:
    asked = {CommandType(words_of(ask, "SOL", None, ANY_TIME)[0]) for ask in TABLE}
    about_all = {kind for kind in CommandType if kind.startswith(("apply_", "clear_", "restore_", "adopt_"))}
    about_users = {kind for kind in CommandType if "user" in kind}
    about_trading = {kind for kind in CommandType if "trading" in kind}
    assert asked | about_all | about_users | about_trading == set(CommandType)
    named = {name for lines in TABLE.values() for where in lines.values() for name in members(where)}
    assert named - {"*"} <= set(SITUATIONS)
    assert set(SITUATIONS) - named == set()


@pytest.mark.parametrize("ask", TABLE)
def test_exactly_the_allowed_is_accepted_in_every_situation(world: Situations, ask: str) -> None:
    before = world.contents()
    answers = {
        (situation, who): world.send(situation, ask, who, dry_run=True).code
        for situation in SITUATIONS
        for who in ACTORS
    }
    expected = {
        (situation, who): expected_code(ask, situation) if may_say(ask, who) else "role_missing"
        for situation in SITUATIONS
        for who in ACTORS
    }
    wrong = {place: (answers[place], code) for place, code in expected.items() if answers[place] != code}
    assert wrong == {}
    assert world.contents() == before


@pytest.mark.parametrize("ask", TABLE)
def test_what_is_refused_changes_no_document_and_says_why(world: Situations, ask: str) -> None:
    before = world.contents()
    who = next(who for who in ("admin", "bot", "system") if may_say(ask, who))
    refused = 0
    for situation in SITUATIONS:
        if expected_code(ask, situation) == YES:
            continue
        outcome = world.send(situation, ask, who, dry_run=False)
        assert outcome.state is CommandState.PRECONDITION_REJECTED
        assert outcome.code in REASONS
        entry = world.entry(situation)
        state = entry.state.value if entry is not None else "frozen"
        assert any(word in outcome.reason for word in (coin_of(situation), state, "the coin"))
        refused += 1
    assert refused > 0
    assert world.contents() == before


@pytest.mark.parametrize(
    ("situation", "ask", "who", "policy", "code"),
    [
        ("exited", "request", "operator", {"reengage_direct": True}, YES),  # T16, Q-MH-9
        ("proposed", "approve", "admin", {"four_eyes": True}, "four_eyes"),
        ("proposed", "approve", "other_admin", {"four_eyes": True}, YES),
        ("proposed", "approve", "admin", {"variants": ("conservative",)}, "variant_not_allowed"),  # Q-MH-2
        ("proposed", "approve", "admin", {"strategy_allowlist": ()}, "strategy_not_allowed"),  # SR-14
        ("proposed", "approve", "admin", {"min_entry_stop_pct": Decimal(11)}, "stop_too_close"),  # M3
        ("proposed", "approve", "admin", {"min_entry_stop_pct": Decimal(10)}, YES),
        ("proposed_stale", "approve", "admin", {"stale_after_atr": Decimal(3)}, YES),
        ("active", "override", "admin", {"min_entry_stop_pct": Decimal(6)}, "stop_too_close"),
        ("active", "agree_dca", "admin", {"disabled": ("dca",)}, "feature_disabled"),  # Q-MH-13
        ("buyable", "buy_open", "bot", {"disabled": ("dca",)}, "feature_disabled"),
        ("buyable", "buy_open", "bot", {"investable_capital_usdt": Decimal(0)}, "buy_above_cap"),  # CAP-1
        ("buyable", "buy_open", "bot", {"investable_capital_usdt": Decimal(391)}, "buy_above_cap"),
        # Three other coins are being bought for 98 each: the cap is over all of them.
        ("buyable", "buy_open", "bot", {"investable_capital_usdt": Decimal(392)}, YES),
        ("frozen", "request", "operator", {"quote": "FROZEN"}, "quote_not_manageable"),
    ],
)
def test_a_setting_moves_the_border(
    world: Situations, situation: str, ask: str, who: str, policy: dict[str, Any], code: str
) -> None:
    world.policy = msgspec.structs.replace(POLICY, **policy)
    try:
        assert world.send(situation, ask, who, dry_run=True).code == code
    finally:
        world.policy = POLICY


def test_different_reasons_have_different_codes() -> None:
    """Each line is another thing that is wrong; the state itself is one of them."""
    different = [
        ("request", "pending"),
        ("request", "rejected_cooling"),
        ("request", "rejected_rested"),
        ("request", "exited"),
        ("request", "active"),
        ("begin", "frozen"),
        ("approve", "proposed_stale"),
        ("approve", "proposed_unknown"),
        ("approve", "proposed_expired"),
        ("approve", "active"),
        ("approve_typo", "proposed"),
        ("expire_ttl", "proposed"),
        ("settle", "rejected_cooling"),
        ("resume", "drift_qty"),
        ("resume", "paused_drifted"),
        ("resume_accept", "drift_reset"),
        ("release_graceful", "active"),
        ("complete_release", "releasing_intent"),
        ("open", "paused_off"),
        ("close", "active"),
    ]
    codes = [expected_code(ask, situation) for ask, situation in different]
    assert len(set(codes)) == len(codes)


def test_a_coin_that_nobody_ever_listed_stands_at_frozen_for_every_command(world: Situations) -> None:
    """D5, DR-2."""
    for ask in TABLE:
        who = next(who for who in ("admin", "bot", "system") if may_say(ask, who))
        assert world.send("never_heard_of", ask, who, dry_run=True).code == expected_code(ask, "frozen")
