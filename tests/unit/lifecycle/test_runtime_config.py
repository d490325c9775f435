"""Applied settings: as a whole, on what was looked at, and typed where they raise risk."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pytest

from bot.kernel.errors import RefusedError
from bot.lifecycle.change import Act
from bot.lifecycle.command_payloads import ApplyRuntimeConfig, ClearRuntimeConfig
from bot.lifecycle.commands import CommandType
from bot.lifecycle.events import EventType
from bot.lifecycle.policy import LifecyclePolicy
from bot.lifecycle.roles import Role, User
from bot.lifecycle.runtime_config import (
    RuntimeChange,
    RuntimeConfigContent,
    SettingChange,
    SettingsReview,
    change_settings,
    no_settings,
)

NOW = dt.datetime(2026, 5, 3, 12, tzinfo=dt.UTC)
USERS = {"ann": User(role=Role.ADMIN, os_user="ann")}
NOW_APPLIED = RuntimeConfigContent(settings={"quiet": 1, "risky": 1}, users=USERS)
SERIAL = 7


def review(before: Mapping[str, Any], after: Mapping[str, Any]) -> SettingsReview:
    """A table of two settings: a higher `risky…` raises risk; what is not applied counts as 0."""
    changes = tuple(
        SettingChange(
            name=name,
            before=str(before.get(name, 0)),
            after=str(after.get(name, 0)),
            raises_risk=name.startswith("risky") and after.get(name, 0) > before.get(name, 0),
        )
        for name in sorted({*before, *after})
        if before.get(name, 0) != after.get(name, 0)
    )
    return SettingsReview(settings=after, changes=changes)


def decided(payload: ApplyRuntimeConfig | ClearRuntimeConfig) -> RuntimeChange:
    is_apply = isinstance(payload, ApplyRuntimeConfig)
    act = Act(
        command_id="c-1",
        type=CommandType.APPLY_RUNTIME_CONFIG if is_apply else CommandType.CLEAR_RUNTIME_CONFIG,
        actor="user_ann",
        asset="*",
        now=NOW,
        accepted_at=NOW,
        policy=LifecyclePolicy(environment="sandbox"),
    )
    return change_settings(NOW_APPLIED, act, payload, serial=SERIAL, review=review)


def refused(payload: ApplyRuntimeConfig | ClearRuntimeConfig, code: str) -> RefusedError:
    with pytest.raises(RefusedError) as refusal:
        decided(payload)
    assert refusal.value.code == code
    return refusal.value


def test_the_wanted_settings_take_the_place_of_the_applied_ones_and_users_stay() -> None:
    change = decided(ApplyRuntimeConfig(settings={"quiet": 2}))
    assert change.content == RuntimeConfigContent(settings={"quiet": 2}, users=USERS)
    assert [event.type for event in change.events] == [EventType.RUNTIME_CONFIG_APPLIED]
    event = change.events[0]
    assert (event.actor, event.asset, event.command_id) == ("user_ann", "*", "c-1")
    assert (event.before, event.after) == (
        {"settings": {"quiet": 1, "risky": 1}},
        {"settings": {"quiet": 2}},
    )
    assert change.detail["changes"] == [
        {"name": "quiet", "before": "1", "after": "2"},
        {"name": "risky", "before": "1", "after": "0"},
    ]


def test_clearing_forgets_all_settings_and_no_user() -> None:
    change = decided(ClearRuntimeConfig())
    assert change.content == RuntimeConfigContent(users=USERS)
    assert [event.type for event in change.events] == [EventType.RUNTIME_CONFIG_CLEARED]


def test_two_admins_do_not_undo_each_other() -> None:
    wanted = {"quiet": 2, "risky": 1}
    refused(ApplyRuntimeConfig(settings=wanted, based_on_serial=SERIAL - 1), "state_changed")
    decided(ApplyRuntimeConfig(settings=wanted, based_on_serial=SERIAL))
    refused(ClearRuntimeConfig(based_on_serial=SERIAL - 1), "state_changed")
    decided(ClearRuntimeConfig(based_on_serial=SERIAL))


@pytest.mark.parametrize("typed", [None, "", "Risky", "risky,risky2", "quiet"])
def test_what_raises_risk_is_typed_to_the_letter(typed: str | None) -> None:
    """DR-4."""
    wanted = {"quiet": 5, "risky": 2}
    refusal = refused(ApplyRuntimeConfig(settings=wanted, confirm=typed), "confirmation_wrong")
    assert "'risky'" in refusal.why
    assert decided(ApplyRuntimeConfig(settings=wanted, confirm="risky")).content.settings == wanted


def test_every_setting_that_raises_risk_is_named() -> None:
    wanted = {"risky": 2, "risky2": 1}
    refused(ApplyRuntimeConfig(settings=wanted, confirm="risky"), "confirmation_wrong")
    decided(ApplyRuntimeConfig(settings=wanted, confirm="risky,risky2"))


def test_what_is_applied_already_is_no_change() -> None:
    refused(ApplyRuntimeConfig(settings={"quiet": 1, "risky": 1}), "content_unchanged")


def test_a_process_without_a_table_changes_no_setting() -> None:
    with pytest.raises(RefusedError) as refusal:
        no_settings({}, {"quiet": 1})
    assert refusal.value.code == "setting_not_changeable"
