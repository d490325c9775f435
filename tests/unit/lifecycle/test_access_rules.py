"""Users: one account, one person; never without an admin; each change is told."""

import datetime as dt
from typing import Any

import pytest

from bot.kernel.errors import RefusedError
from bot.lifecycle.access_rules import UserPayload, change_users
from bot.lifecycle.change import Act
from bot.lifecycle.command_payloads import PAYLOADS, AddUser, RemoveUser, SetUserRole
from bot.lifecycle.commands import CommandType
from bot.lifecycle.events import EventType
from bot.lifecycle.policy import LifecyclePolicy
from bot.lifecycle.roles import Role, RoleBook, User
from bot.lifecycle.runtime_config import RuntimeChange, RuntimeConfigContent

NOW = dt.datetime(2026, 5, 3, 12, tzinfo=dt.UTC)
ANN = User(role=Role.ADMIN, os_user="ann")
OTTO = User(role=Role.OPERATOR, os_user="otto")
BOOK: RoleBook = {"ann": ANN, "otto": OTTO}
EMPTY = RuntimeConfigContent(settings={"lifecycle.cooldown_hours": 48})


def decided(
    payload: UserPayload, content: RuntimeConfigContent = EMPTY, book: RoleBook = BOOK
) -> RuntimeChange:
    command = next(kind for kind, payload_type in PAYLOADS.items() if payload_type is type(payload))
    act = Act(
        command_id="c-1",
        type=CommandType(command),
        actor="user_ann",
        asset="*",
        now=NOW,
        accepted_at=NOW,
        policy=LifecyclePolicy(environment="sandbox"),
    )
    return change_users(content, act, payload, book=book)


def refused(payload: UserPayload, code: str, **more: Any) -> RefusedError:
    with pytest.raises(RefusedError) as refusal:
        decided(payload, **more)
    assert refusal.value.code == code
    return refusal.value


def test_the_first_change_takes_the_files_users_over_and_settings_stay() -> None:
    change = decided(AddUser(user="vic", role=Role.VIEWER, os_user="vic"))
    assert change.content.users == {**BOOK, "vic": User(role=Role.VIEWER, os_user="vic")}
    assert change.content.settings == EMPTY.settings


def test_once_users_are_applied_the_files_count_no_more() -> None:
    applied = RuntimeConfigContent(users={"ann": ANN})
    assert set(decided(AddUser(user="vic", role=Role.VIEWER, os_user="vic"), applied).content.users) == {
        "ann",
        "vic",
    }
    refused(RemoveUser(user="otto"), "user_unknown", content=applied)


@pytest.mark.parametrize(
    ("payload", "event", "before", "after"),
    [
        (
            AddUser(user="vic", role=Role.VIEWER, os_user="vic"),
            EventType.ACCESS_USER_ADDED,
            None,
            {"role": "viewer", "os_user": "vic"},
        ),
        (
            SetUserRole(user="otto", role=Role.VIEWER),
            EventType.ACCESS_USER_ROLE_SET,
            {"role": "operator", "os_user": "otto"},
            {"role": "viewer", "os_user": "otto"},
        ),
        (
            RemoveUser(user="otto"),
            EventType.ACCESS_USER_REMOVED,
            {"role": "operator", "os_user": "otto"},
            None,
        ),
    ],
)
def test_every_change_is_told_with_who_did_it(
    payload: UserPayload, event: EventType, before: object, after: object
) -> None:
    told = decided(payload).events
    assert [(one.type, one.asset, one.actor, one.command_id) for one in told] == [
        (event, "*", "user_ann", "c-1")
    ]
    assert told[0].before == {"user": before}
    assert told[0].after == {"user": after}
    assert told[0].data == {"user": payload.user}


def test_a_name_is_one_persons() -> None:
    refused(AddUser(user="otto", role=Role.VIEWER, os_user="x"), "user_exists")


def test_an_account_is_one_users() -> None:
    refusal = refused(AddUser(user="otto2", role=Role.VIEWER, os_user="otto"), "account_taken")
    assert "otto" in refusal.what


@pytest.mark.parametrize("payload", [SetUserRole(user="nn", role=Role.VIEWER), RemoveUser(user="nn")])
def test_nobody_unknown_is_changed(payload: UserPayload) -> None:
    assert "ann, otto" in refused(payload, "user_unknown").why


@pytest.mark.parametrize("payload", [SetUserRole(user="ann", role=Role.OPERATOR), RemoveUser(user="ann")])
def test_the_last_admin_stays(payload: UserPayload) -> None:
    refused(payload, "last_admin")
    two = {**BOOK, "bob": User(role=Role.ADMIN, os_user="bob")}
    decided(payload, book=two)


def test_the_same_role_again_is_no_change() -> None:
    refused(SetUserRole(user="otto", role=Role.OPERATOR), "content_unchanged")


@pytest.mark.parametrize("typed", [None, "", "otto:Admin", "ann:admin", "otto:admin "])
def test_an_admin_is_made_by_typed_words_to_the_letter(typed: str | None) -> None:
    """DR-4."""
    refused(SetUserRole(user="otto", role=Role.ADMIN, confirm=typed), "confirmation_wrong")
    again = AddUser(user="eve", role=Role.ADMIN, os_user="eve", confirm=typed)
    refused(again, "confirmation_wrong")
    change = decided(SetUserRole(user="otto", role=Role.ADMIN, confirm="otto:admin"))
    assert change.content.users["otto"].role is Role.ADMIN
