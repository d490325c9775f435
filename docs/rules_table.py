"""Which place enforces each rule of the lifecycle, and which test proves it: `docs/rules.md`.

A place is `file:name`, a test is `file::function`; a test of the project checks that both exist, and
that no rule is without one.
"""

from collections.abc import Iterable, Iterator

from bot.lifecycle.transitions import EDGES
from docs.rules_durable import DURABLE, STOP_RULES, Rule

_LIFECYCLE, _UNIT = "bot/lifecycle", "tests/unit/lifecycle"
_DURABLE = "tests/acceptance/test_rules_durable.py::test_"
_RACES = "tests/acceptance/test_rules_races.py::test_"
_AT_ONCE = "tests/acceptance/test_races.py::test_"
_SETTINGS = "tests/acceptance/test_rules_settings.py::test_q_mh_"
_DRIFT = "tests/acceptance/test_drift.py::test_"
_LIMITS = "tests/acceptance/test_drift_limits.py::test_"
_EDGES = "tests/acceptance/test_rules_edges.py::test_"
_EDGE_TEST = f"{_UNIT}/test_transitions.py::test_an_edge_leads_where_it_says_and_tells_of_it"
_TABLE = f"{_LIFECYCLE}/transitions.py:TRANSITIONS"
_RULE_OF_EDGE = {
    "T01": "proposal_rules.py:request",
    "T02": "proposal_rules.py:complete",
    "T03": "proposal_rules.py:abort",
    "T04": "approval_rules.py:approve",
    "T05": "proposal_rules.py:reject",
    "T06": "proposal_rules.py:expire",
    "T07": "holding_rules.py:pause",
    "T08": "holding_rules.py:resume",
    "T09": "holding_rules.py:release",
    "T10": "drift_rules.py:flag_drift",
    "T11": "holding_rules.py:resume",
    "T12": "holding_rules.py:release",
    "T13": "exit_rules.py:record_exit",
    "T14": "holding_rules.py:complete_release",
    "T15": "holding_rules.py:release",
    "T16": "proposal_rules.py:request",
    "T17": "proposal_rules.py:settle",
    "T18": "proposal_rules.py:settle",
    "T19": "exit_rules.py:record_exit",
    "T20": "exit_rules.py:record_exit",
}
_MORE_EDGE_TESTS = {
    "T10": (f"{_DRIFT}t10_one_drift_is_one_alarm_over_many_cycles_and_restarts",),
    "T11": (f"{_DRIFT}t11_accepting_never_raises_the_quantity",),
    "T12": (f"{_DRIFT}t12_out_of_an_alert_the_coin_may_be_released",),
    "T13": (f"{_EDGES}t13_the_agreed_stop_sells_the_coin_and_the_bot_books_it",),
    "T14": (
        f"{_EDGES}t14_the_system_completes_a_release_that_a_person_asked_for",
        f"{_EDGES}t14_an_immediate_release_is_completed_without_a_sale",
    ),
    "T15": (f"{_EDGES}t15_after_an_exit_the_coin_is_frozen_by_a_person_alone",),
    "T16": (f"{_SETTINGS}9_after_an_exit_the_way_back_leads_via_frozen_unless_it_is_direct",),
    "T17": (f"{_EDGES}t17_an_aborted_request_is_frozen_by_the_systems_next_pass",),
    "T18": (f"{_EDGES}t18_a_rejected_coin_is_frozen_by_the_system_when_its_rest_is_over",),
    "T19": (
        f"{_EDGES}t19_in_a_pause_with_exits_on_the_agreed_stop_still_sells",
        f"{_EDGES}t19_an_order_in_flight_is_booked_although_the_exits_were_turned_off",
    ),
    "T20": (f"{_DRIFT}t20_a_price_drift_keeps_the_agreed_stop_and_target_armed",),
}


def _edges() -> Iterator[Rule]:
    for edge in EDGES:
        yield Rule(
            edge.number,
            f"{edge.source} to {edge.target}, by the {edge.actor}'s {edge.command}.",
            (_TABLE, f"{_LIFECYCLE}/{_RULE_OF_EDGE[edge.number]}"),
            (_EDGE_TEST, *_MORE_EDGE_TESTS.get(edge.number, ())),
        )


RACES = (
    Rule(
        "R1",
        "Two writers on one coin: one wins, the other is refused or comes after.",
        ("bot/storage/state_store.py:Transaction", "bot/commands/apply.py:CommandApplier"),
        (
            f"{_RACES}r1_a_person_and_the_bot_write_one_coin_at_once_and_one_of_them_wins",
            f"{_RACES}r1_two_processes_pause_one_coin_at_once",
            f"{_AT_ONCE}r1_a_person_and_the_bot_write_one_coin_at_once_and_neither_is_lost",
        ),
    ),
    Rule(
        "R2",
        "The balance is fetched again just before the proposal is written.",
        ("bot/commands/proposal_maker.py:ProposalMaker",),
        (
            "tests/integration/test_proposal_maker.py::test_a_balance_that_is_gone_at_the_second_look_aborts",
            f"{_RACES}r2_a_coin_that_is_not_there_aborts_the_proposal",
            f"{_AT_ONCE}r2_coins_that_leave_while_the_engine_works_abort_the_proposal",
        ),
    ),
    Rule(
        "R3",
        "Two admins: one promotion, the other is told that it was decided.",
        (f"{_LIFECYCLE}/proposal_rules.py:decidable_proposal",),
        (
            f"{_RACES}r3_two_admins_approve_at_once_and_one_promotion_comes_of_it",
            f"{_AT_ONCE}r3_two_admins_approve_at_once_and_one_promotion_comes_of_it",
            "tests/integration/test_commands_bus.py::test_two_approvals_at_the_same_time_from_two_processes_make_one_promotion",
        ),
    ),
    Rule(
        "R4",
        "After an applied pause with exits off no order leaves that had no intent before.",
        (
            f"{_LIFECYCLE}/exit_rules.py:open_intent",
            f"{_LIFECYCLE}/buy_rules.py:open_buy",
            "bot/trading/exits.py:ExitDesk",
        ),
        (
            f"{_UNIT}/test_buy_rules.py::test_nothing_is_bought_beside_an_open_order_an_ordered_sale_a_pause_a_drift_or_a_halt",
            f"{_AT_ONCE}r4_a_pause_and_an_exit_at_once_and_no_order_leaves_after_the_pause",
            f"{_AT_ONCE}r4_with_a_daemon_no_order_leaves_after_the_pause",
            "tests/faults/test_pause_interleavings.py::test_no_order_leaves_after_the_pause_in_any_order_of_steps",
            "tests/integration/test_trading_pause.py::test_a_pause_committed_before_the_intent_keeps_every_order_back",
            "tests/integration/test_trading_pause.py::test_a_pause_after_the_intent_names_the_order_in_flight_and_its_fill_is_booked",
        ),
    ),
    Rule(
        "R5",
        "A pause that is applied before the next cycle simply holds.",
        ("bot/trading/cycle.py:TradingLoop",),
        (
            f"{_AT_ONCE}r5_a_pause_applied_before_the_next_cycle_simply_holds",
            "tests/integration/test_trading_pause.py::test_a_pause_with_exits_off_holds_until_a_person_resumes",
        ),
    ),
    Rule(
        "R6",
        "Expiry and approval at once decide a proposal once.",
        (f"{_LIFECYCLE}/proposal_rules.py:expire", f"{_LIFECYCLE}/approval_rules.py:approve"),
        (
            f"{_RACES}r6_expiry_and_approval_at_once_decide_the_proposal_once",
            f"{_AT_ONCE}r6_expiry_and_approval_at_once_decide_the_proposal_once",
        ),
    ),
)
DRIFTS = (
    Rule(
        "D1",
        "A position off its agreement is drift.",
        ("bot/holdings/drift.py:compare_position",),
        (f"{_DRIFT}d1_a_position_off_its_agreement_stops_the_bot_before_any_order",),
    ),
    Rule(
        "D2",
        "A wallet below its position is drift.",
        ("bot/holdings/drift.py:compare_wallet",),
        (f"{_DRIFT}d2_coins_that_left_the_wallet_stop_every_order",),
    ),
    Rule(
        "D3",
        "A proposal file that no record names goes to the attic.",
        ("bot/storage/orphans.py:move_to_attic",),
        (f"{_DRIFT}d3_a_proposal_that_no_record_names_goes_to_the_attic",),
    ),
    Rule(
        "D4",
        "A baseline that says managed without an agreement refuses the start.",
        ("bot/trading/baseline_bootstrap.py:check_baseline",),
        (f"{_DRIFT}d4_a_baseline_that_says_managed_without_an_agreement_refuses_the_start",),
    ),
    Rule(
        "D5",
        "A coin that is listed nowhere is frozen.",
        ("bot/holdings/baseline.py:BaselineContent", f"{_LIFECYCLE}/documents.py:ManagedStateContent"),
        (
            f"{_DRIFT}d5_a_coin_that_is_listed_nowhere_stays_frozen",
            f"{_LIMITS}d5_an_unlisted_wallet_asset_gets_the_default_that_was_set",
            f"{_LIMITS}d5_no_other_default_than_frozen_is_taken",
        ),
    ),
)
CONFLICTS = (
    Rule(
        "C1",
        "An override changes what counts, never what was promised, and tells the difference.",
        (f"{_LIFECYCLE}/holding_rules.py:override_levels", f"{_LIFECYCLE}/trailing.py:live_stop"),
        (
            f"{_RACES}c1_an_override_leaves_what_was_promised_and_tells_the_difference",
            "tests/integration/test_trading_trailing.py::test_an_override_counts_from_the_next_cycle_on",
        ),
    ),
    Rule(
        "C2",
        "Once paused with exits off, nothing is sold.",
        (f"{_LIFECYCLE}/exit_rules.py:why_no_exit", "bot/risk/order_gates.py:check_exit"),
        (
            f"{_RACES}c2_once_paused_with_exits_off_nothing_is_sold_until_a_person_resumes",
            "tests/integration/test_trading_pause.py::test_a_pause_committed_before_the_intent_keeps_every_order_back",
        ),
    ),
    Rule(
        "C3",
        "A baseline never freezes a coin in the bot's hands; the attempt is in the audit.",
        (f"{_LIFECYCLE}/policy_guard.py:refuse_blocked", f"{_LIFECYCLE}/refusal_events.py:refusal_events"),
        (
            f"{_RACES}c3_a_baseline_that_would_freeze_a_managed_coin_is_refused_and_the_audit_tells",
            f"{_RACES}c3_after_a_release_the_coin_may_be_frozen",
        ),
    ),
)
DANGERS = (
    Rule(
        "M1",
        "The aggressive variant is disabled on mainnet.",
        ("bot/app/settings_table.py:SETTINGS", f"{_LIFECYCLE}/approval_rules.py:approve"),
        (
            f"{_RACES}m1_what_mainnet_disables_cannot_be_approved",
            f"{_UNIT}/test_approval_settings.py::test_a_disabled_aggressive_variant_cannot_be_approved",
            "tests/unit/app/test_settings_review.py::test_mainnets_defaults_are_the_stricter_ones_of_the_specification",
        ),
    ),
    Rule(
        "M2",
        "The signature ignores policy and lifecycle.",
        ("bot/holdings/baseline.py:wallet_signature",),
        (
            f"{_RACES}m2_a_promotion_leaves_the_wallets_signature_as_it_was",
            f"{_DURABLE}dr_7_a_promotion_changes_neither_the_baseline_nor_its_signature",
        ),
    ),
    Rule(
        "M3",
        "The stop keeps its distance from the entry, at the approval and later.",
        (f"{_LIFECYCLE}/level_rules.py:check_distance", f"{_LIFECYCLE}/trailing_rules.py:agreed_trailing"),
        (
            f"{_RACES}m3_a_stop_too_close_to_the_entry_is_refused_also_by_an_override",
            f"{_UNIT}/test_approval_settings.py::test_an_override_keeps_the_smallest_distance",
            f"{_UNIT}/test_trailing_agreed.py::test_a_distance_within_the_noise_is_refused",
        ),
    ),
    Rule(
        "M4",
        "An allocation above the investable capital is capped, and said.",
        (
            f"{_LIFECYCLE}/approval_rules.py:approve",
            "bot/holdings/baseline.py:spendable_quote",
            "bot/risk/buy_size.py:size_buy",
        ),
        (
            "tests/unit/risk/test_buy_gates.py::test_no_sequence_of_buys_passes_a_cap_or_sends_what_the_exchange_refuses",
            "tests/integration/test_trading_buys.py::test_the_hard_cap_cuts_the_step_that_would_pass_it_and_tells",
            f"{_RACES}m4_an_allocation_above_the_capital_is_said_at_the_promotion",
            "tests/unit/holdings/test_spendable_quote.py::test_a_tradable_quote_is_spent_within_the_hard_cap",
        ),
    ),
    Rule(
        "M5",
        "A wish outside the allow-list falls back to the core group, with a warning.",
        ("bot/proposals/strategy.py:choose_strategy",),
        (
            f"{_RACES}m5_a_wish_for_copy_trading_ends_as_the_core_group_with_a_warning",
            "tests/unit/proposals/test_warnings_and_confidence.py::test_a_wish_for_copy_trading_falls_back_to_the_core_with_a_note",
        ),
    ),
)


def _question(number: int, sentence: str, place: str, *tests: str) -> Rule:
    return Rule(f"Q-MH-{number}", sentence, (place,), tests)


_AT_START = f"{_LIFECYCLE}/policy.py:LifecyclePolicy"
QUESTIONS = (
    _question(1, "How long a proposal may be decided: lifecycle.proposal_ttl_hours.", _AT_START,
              f"{_SETTINGS}1_a_proposal_may_be_decided_for_its_time"),
    _question(2, "Which variants may be approved: lifecycle.variants.", f"{_LIFECYCLE}/approval_rules.py:approve",
              f"{_SETTINGS}2_only_the_offered_variants_may_be_approved"),
    _question(3, "How deep an override goes: lifecycle.override_depth.",
              f"{_LIFECYCLE}/level_rules.py:check_override_depth",
              f"{_SETTINGS}3_an_override_goes_as_deep_as_the_setting"),
    _question(4, "A release is graceful, or immediate by choice.", f"{_LIFECYCLE}/holding_rules.py:release",
              f"{_SETTINGS}4_a_release_is_graceful_or_immediate_and_sells_nothing_by_itself"),
    _question(5, "Many coins at once, one way each.", "bot/cli/bulk.py:ask_for_each",
              f"{_SETTINGS}5_many_coins_are_asked_for_at_once_and_each_goes_its_own_way",
              "tests/acceptance/test_cli_bulk.py::test_q_mh_5_pause_all_pauses_each_coin_that_is_traded"),
    _question(6, "The bot's own ideas are a message: proposals.suggestions.", "bot/app/suggestions.py:suggest",
              f"{_SETTINGS}6_the_bots_own_ideas_change_no_state"),
    _question(7, "From where on a difference is drift.", "bot/holdings/drift.py:DriftLimits",
              f"{_DRIFT}q_mh_7_the_price_limit_is_the_setting",
              f"{_LIMITS}q_mh_7_a_quantity_within_five_percent_is_no_drift",
              f"{_LIMITS}q_mh_7_a_quantity_just_beyond_five_percent_is_drift",
              f"{_LIMITS}q_mh_7_the_quantity_limit_is_the_setting",
              f"{_LIMITS}q_mh_7_a_turn_of_the_regime_is_drift",
              f"{_LIMITS}q_mh_7_with_the_setting_off_a_turn_of_the_regime_is_no_drift",
              f"{_LIMITS}q_mh_7_a_regime_that_goes_on_is_no_drift"),
    _question(8, "A pause keeps the exits on, or turns them off by choice.", f"{_LIFECYCLE}/holding_rules.py:pause",
              f"{_SETTINGS}8_a_pause_says_whether_the_exits_stay_on"),
    _question(9, "After an exit via frozen, or directly: lifecycle.reengage.",
              f"{_LIFECYCLE}/proposal_rules.py:request",
              f"{_SETTINGS}9_after_an_exit_the_way_back_leads_via_frozen_unless_it_is_direct"),
    _question(10, "The entry price is the operator's choice.", "bot/proposals/entry.py:synthetic_entry",
              f"{_SETTINGS}10_the_entry_price_is_the_operators_choice"),
    _question(11, "An approval is confirmed by coin and variant.", f"{_LIFECYCLE}/approval_rules.py:approve",
              f"{_SETTINGS}11_the_confirmation_is_coin_and_variant_to_the_letter"),
    _question(12, "The rest after a no: lifecycle.cooldown_hours.", f"{_LIFECYCLE}/proposal_rules.py:reject",
              f"{_SETTINGS}12_after_a_no_the_coin_rests_for_the_set_time"),
    _question(13, "What an environment disables: lifecycle.disabled.",
              f"{_LIFECYCLE}/level_rules.py:check_features",
              f"{_SETTINGS}13_what_is_disabled_is_refused"),
    _question(14, "A daemon is recommended; a single pass does the same work.", "bot/app/runtime.py:worker_once",
              f"{_SETTINGS}14_a_single_pass_without_a_daemon_does_the_same_work",
              "tests/acceptance/test_rules_worker.py::test_q_mh_14_a_single_pass_and_a_daemon_come_to_the_same_end"),
    _question(15, "Files are the truth, the database is a cache.", "bot/storage/sql/read_cache.py:ReadCache",
              f"{_SETTINGS}15_the_files_are_the_truth_and_the_database_can_be_lost"),
)  # fmt: skip

GROUPS: tuple[tuple[str, tuple[Rule, ...]], ...] = (
    ("Transitions", tuple(_edges())),
    ("Durable rules", DURABLE),
    ("Stop rules", STOP_RULES),
    ("Races", RACES),
    ("Drift", DRIFTS),
    ("Conflicts", CONFLICTS),
    ("Dangers of real money", DANGERS),
    ("Settings that answer the operator's questions", QUESTIONS),
)
RULES: tuple[Rule, ...] = tuple(rule for _, group in GROUPS for rule in group)


def rule_cells(rule: Rule) -> Iterable[str]:
    """Return a rule's line of the page: number, sentence, places, tests."""
    tests = "<br>".join(
        f"`{test.partition('::')[2]}`<br>in `{test.partition('::')[0]}`" for test in rule.tests
    )
    return rule.number, rule.sentence, "<br>".join(f"`{place}`" for place in rule.places), tests
