"""Which drill is proven by which tests; `docs/reliability.md` lists them, and a test compares."""

HERE = "tests/faults/test_drills.py"
_FAULTS = "tests/integration/test_trading_faults.py"
_LATE = "tests/integration/test_late_fills.py"
_FOREIGN = "tests/integration/test_foreign_trades.py"
_ORDERS = "tests/faults/test_order_faults.py"
_KILLS = "tests/integration/test_daemon_kill.py"
_WATCHDOG = "tests/integration/test_watchdog.py"
_GATES = "tests/acceptance/test_gates.py"

DRILLS: dict[str, tuple[str, ...]] = {
    "executed, but the answer was lost: 504, timeout, reset connection": (
        f"{HERE}::test_drill_an_order_whose_answer_was_lost_is_sold_exactly_once",
        f"{_FAULTS}::test_an_executed_order_whose_answer_was_lost_is_found_and_booked_once",
    ),
    "duplicate fills": (f"{HERE}::test_drill_duplicate_fills_are_booked_once",),
    "late fills": (
        f"{HERE}::test_drill_late_fills_are_booked_once",
        f"{_LATE}::test_an_order_that_was_given_up_and_sold_later_is_booked_once_and_no_drift_follows",
    ),
    "fills out of order": (f"{HERE}::test_drill_fills_out_of_order_lead_to_the_same_books",),
    "missing fills": (f"{HERE}::test_drill_missing_fills_are_found_later",),
    "disconnect in mid-exit": (f"{HERE}::test_drill_a_disconnect_in_mid_exit_sells_once",),
    "429 and 418": (f"{HERE}::test_drill_a_limit_or_a_ban_delays_the_exit_and_sells_once",),
    "clock skew": (f"{HERE}::test_drill_a_skewed_clock_delays_the_exit_and_sells_once",),
    "partial fill, then crash": (f"{HERE}::test_drill_a_crash_behind_a_partial_fill_sells_the_rest_once",),
    "foreign sale": (
        f"{HERE}::test_drill_a_foreign_sale_stops_the_orders_and_is_named",
        f"{_FOREIGN}::test_a_foreign_sale_that_leaves_too_little_is_named_in_the_evidence_of_the_drift",
    ),
    "testnet wipe": (f"{HERE}::test_drill_a_wiped_testnet_is_one_alarm_and_no_order",),
    "killed at every step of an exit, and restarted": (
        f"{HERE}::test_drill_killed_at_every_step_of_an_exit_it_sells_once_and_keeps_the_other_stop",
        f"{_ORDERS}::test_a_process_killed_at_any_call_of_an_exit_sells_once_and_arms_its_stop_again",
        f"{_KILLS}::test_killed_at_many_moments_around_an_exit_every_coin_is_sold_once",
    ),
    "stale data or a stale loop": (f"{_WATCHDOG}::test_stale_data_halts_trading_once_and_is_alarmed_once",),
}

GATES: dict[str, str] = {
    "G1 zero unmanaged positions": f"{_GATES}::test_zero_unmanaged_positions",
    "G2 projection parity": f"{_GATES}::test_projection_parity",
    "G3 recovery from restart": f"{_GATES}::test_recovery_from_restart",
    "G4 no duplicated trade ids": f"{_GATES}::test_no_duplicated_trade_ids",
    "G5 report failures do not touch trading": f"{_GATES}::test_report_failures_do_not_touch_trading",
    "tick to fill": f"{_GATES}::test_tick_to_fill",
}


def table() -> str:
    """Return both lists as the page shows them."""
    lines = ["| Drill or gate | Test |", "| --- | --- |"]
    lines += [f"| {name} | {_named(*tests)} |" for name, tests in DRILLS.items()]
    lines += [f"| {name} | {_named(test)} |" for name, test in GATES.items()]
    return "\n".join(lines)


def _named(*tests: str) -> str:
    parts = (test.partition("::") for test in tests)
    return "<br>".join(f"`{name}`<br>in `{path}`" for path, _, name in parts)
