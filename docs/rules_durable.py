"""Rows of the rules page: what a rule is, and the durable rules and stop rules (`docs/rules_table.py`)."""

from typing import NamedTuple


class Rule(NamedTuple):
    """One rule: its number in the source, what it says, where it holds, what proves it."""

    number: str
    sentence: str
    places: tuple[str, ...]
    tests: tuple[str, ...]


_LIFECYCLE, _HANDLERS, _UNIT = "bot/lifecycle", "bot/commands/handlers", "tests/unit/lifecycle"
_DURABLE = "tests/acceptance/test_rules_durable.py::test_"
_DRIFT = "tests/acceptance/test_drift.py::test_"

DURABLE = (
    Rule(
        "DR-1",
        "State files change by commands only.",
        (f"{_HANDLERS}/managed_handlers.py:write", "bot/storage/state_store.py:Transaction"),
        (f"{_DURABLE}dr_1_a_state_file_changes_by_commands_only",),
    ),
    Rule(
        "DR-2",
        "Managed is never a default.",
        (f"{_HANDLERS}/baseline_handlers.py:decide",),
        (f"{_DURABLE}dr_2_managed_is_never_a_default",),
    ),
    Rule(
        "DR-3",
        "Real money is refused until its governance gate is signed.",
        ("bot/exchange/hosts.py:refuse_real_money", "bot/app/modes.py:MODES"),
        (
            f"{_DURABLE}dr_3_real_money_is_refused",
            "tests/acceptance/test_cli_bad_input.py::test_mainnet_is_refused_by_variable_and_by_file",
        ),
    ),
    Rule(
        "DR-4",
        "A confirmation is made of the very thing's name.",
        (
            f"{_LIFECYCLE}/approval_rules.py:approve",
            f"{_LIFECYCLE}/holding_rules.py:force_exit",
            f"{_LIFECYCLE}/runtime_config.py:change_settings",
            f"{_LIFECYCLE}/access_rules.py:change_users",
        ),
        (f"{_DURABLE}dr_4_a_confirmation_names_the_very_thing",),
    ),
    Rule(
        "DR-5",
        "Every change leaves the version before it, kept before the change counts.",
        ("bot/storage/commit.py:write_version",),
        (f"{_DURABLE}dr_5_every_change_leaves_the_version_before_it",),
    ),
    Rule(
        "DR-6",
        "The prefixes of audit events are strict.",
        (f"{_LIFECYCLE}/events.py:EventType",),
        (
            "tests/architecture/test_audit_prefixes.py::test_dr_6_the_names_of_audit_events_are_spelled_in_one_folder_only",
        ),
    ),
    Rule(
        "DR-7",
        "The wallet's signature says which coins exist, so a promotion never changes it.",
        ("bot/holdings/baseline.py:wallet_signature",),
        (f"{_DURABLE}dr_7_a_promotion_changes_neither_the_baseline_nor_its_signature",),
    ),
    Rule(
        "DR-8",
        "A watchdog restarts a dead bot and decides nothing.",
        ("bot/app/service_signs.py:ServiceSigns",),
        (
            "tests/integration/test_daemon_service_manager.py::test_a_thread_that_hangs_ends_the_pings_and_is_told_once",
            "tests/acceptance/test_watchdog_stale_pause.py::test_watchdog_stale_pause",
        ),
    ),
    Rule(
        "DR-9",
        "Before an order leaves, its intent is a kept version.",
        ("bot/trading/exits.py:ExitDesk", f"{_LIFECYCLE}/exit_rules.py:open_intent"),
        (
            "tests/integration/test_trading_crash.py::test_a_process_that_ends_between_intent_and_order_sells_nothing_until_that_is_certain",
        ),
    ),
    Rule(
        "DR-10",
        "The audit holds a timeline of process runs.",
        ("bot/app/process_timeline.py:ProcessTimeline",),
        (
            "tests/integration/test_process_timeline.py::test_dr_10_start_and_end_of_a_process_are_in_the_audit",
        ),
    ),
    Rule(
        "DR-11",
        "No managed coin becomes frozen without a person's act.",
        (f"{_LIFECYCLE}/stop_rules.py:check_stop_rules", f"{_LIFECYCLE}/holding_rules.py:complete_release"),
        (
            f"{_DURABLE}dr_11_neither_bot_nor_system_puts_a_managed_coin_back",
            f"{_UNIT}/test_stop_rules.py::test_dr_11_only_a_persons_act_leads_from_managed_to_frozen",
        ),
    ),
    Rule(
        "DR-12",
        "Proposals are versioned, valid and never changed.",
        ("bot/storage/proposal_writer.py:write_proposal", "bot/storage/proposal_reader.py:read_proposal"),
        (f"{_DURABLE}dr_12_a_proposal_is_valid_versioned_and_never_changed",),
    ),
    Rule(
        "DR-13",
        "Events about managed coins are made by the managed code only.",
        (f"{_LIFECYCLE}/change.py:move", f"{_LIFECYCLE}/refusal_events.py:refusal_events"),
        (
            "tests/architecture/test_audit_prefixes.py::test_dr_13_managed_events_are_made_by_the_managed_code_only",
        ),
    ),
)
STOP_RULES = (
    Rule(
        "SR-11",
        "Without a risk model version a proposal aborts.",
        ("bot/proposals/preconditions.py:refuse_asset", f"{_LIFECYCLE}/proposal_rules.py:abort"),
        (
            "tests/unit/proposals/test_proposal_engine.py::test_without_a_risk_model_version_nothing_is_proposed",
            f"{_DURABLE}sr_11_sr_14_a_broken_stop_rule_is_audited_and_the_pass_ends_with_failure",
        ),
    ),
    Rule(
        "SR-12",
        "No promotion without its approval event in the same commit.",
        (f"{_LIFECYCLE}/stop_rules.py:check_stop_rules", f"{_HANDLERS}/managed_handlers.py:decide"),
        (
            f"{_DURABLE}sr_12_a_promotion_and_its_approval_are_one_commit",
            f"{_UNIT}/test_stop_rules.py::test_sr_12_no_coin_is_promoted_without_its_approval_event",
        ),
    ),
    Rule(
        "SR-13",
        "No state is written without a place for its backup.",
        ("bot/storage/commit.py:write_version",),
        (f"{_DURABLE}sr_13_without_a_place_for_its_backup_nothing_is_written",),
    ),
    Rule(
        "SR-14",
        "A recommendation outside the allow-list aborts the proposal.",
        (
            "bot/proposals/strategy.py:may_recommend",
            f"{_LIFECYCLE}/proposal_rules.py:abort",
            f"{_LIFECYCLE}/approval_rules.py:approve",
            "bot/strategies/registry.py:refuse_blocked",
        ),
        (
            "tests/unit/proposals/test_proposal_engine.py::test_an_allow_list_without_the_core_group_aborts",
            "tests/unit/strategies/test_strategies.py::test_asking_for_copy_trading_is_a_broken_stop_rule",
            f"{_DURABLE}sr_11_sr_14_a_broken_stop_rule_is_audited_and_the_pass_ends_with_failure",
        ),
    ),
    Rule(
        "SR-15",
        "A sale because of drift is refused.",
        (f"{_LIFECYCLE}/exit_rules.py:open_intent", f"{_LIFECYCLE}/exit_rules.py:why_no_exit"),
        (f"{_DRIFT}sr_15_a_sale_because_of_drift_is_refused_in_the_order_path",),
    ),
)
