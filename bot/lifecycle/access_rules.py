"""Who may act in a home: adding a user, another role, removal. Each is a command of an admin.

1. An account belongs to one user, a name to one person; nobody is added twice.
2. The last admin can neither be removed nor become less: nobody could decide anything afterwards.
3. Making an admin raises risk, so it is confirmed by `<user>:admin` to the letter (DR-4).
"""

from collections.abc import Mapping

import msgspec

from bot.kernel.errors import RefusedError
from bot.lifecycle.change import Act
from bot.lifecycle.command_payloads import AddUser, RemoveUser, SetUserRole
from bot.lifecycle.events import Event, EventType
from bot.lifecycle.roles import Role, RoleBook, User, user_of_account
from bot.lifecycle.runtime_config import RuntimeChange, RuntimeConfigContent

UserPayload = AddUser | SetUserRole | RemoveUser


def change_users(
    content: RuntimeConfigContent, act: Act, payload: UserPayload, *, book: RoleBook
) -> RuntimeChange:
    """Change the book of users.

    Args:
        content: What is applied now.
        act: The command.
        payload: What shall change.
        book: Who may act now; the first change copies it into the document.

    Raises:
        RefusedError: `user_exists`, `user_unknown`, `account_taken`, `last_admin`, `content_unchanged`
            or `confirmation_wrong`.
    """
    users = dict(content.users or book)
    before = users.get(payload.user)
    match payload:
        case AddUser():
            event, after = EventType.ACCESS_USER_ADDED, _added(users, payload)
        case SetUserRole():
            event, after = EventType.ACCESS_USER_ROLE_SET, _with_role(users, payload)
        case RemoveUser():
            event, after = EventType.ACCESS_USER_REMOVED, _removed(users, payload)
    if not any(user.role is Role.ADMIN for user in after.values()):
        raise RefusedError(f"{payload.user} is the last admin", code="last_admin")
    told = Event(
        type=event,
        asset="*",
        actor=act.actor,
        command_id=act.command_id,
        before={"user": _plain(before)},
        after={"user": _plain(after.get(payload.user))},
        data={"user": payload.user},
    )
    new = msgspec.structs.replace(content, users=dict(sorted(after.items())))
    return RuntimeChange(content=new, events=(told,), detail={"user": payload.user, "users": len(after)})


def _added(users: Mapping[str, User], payload: AddUser) -> dict[str, User]:
    if payload.user in users:
        raise RefusedError(f"There is a user {payload.user} already", code="user_exists")
    holder = user_of_account(users, payload.os_user)
    if holder is not None:
        raise RefusedError(
            f"The account {payload.os_user} is {holder}'s",
            code="account_taken",
            why="An account tells one person, else the records could not name who decided.",
        )
    _check_confirmation(payload.user, payload.role, payload.confirm)
    return {**users, payload.user: User(role=payload.role, os_user=payload.os_user)}


def _with_role(users: Mapping[str, User], payload: SetUserRole) -> dict[str, User]:
    user = _known(users, payload.user)
    if user.role is payload.role:
        raise RefusedError(f"{payload.user} is {payload.role} already", code="content_unchanged")
    _check_confirmation(payload.user, payload.role, payload.confirm)
    return {**users, payload.user: msgspec.structs.replace(user, role=payload.role)}


def _removed(users: Mapping[str, User], payload: RemoveUser) -> dict[str, User]:
    _known(users, payload.user)
    return {name: user for name, user in users.items() if name != payload.user}


def _known(users: Mapping[str, User], name: str) -> User:
    if name not in users:
        raise RefusedError(
            f"There is no user {name}", code="user_unknown", why=f"Known: {', '.join(sorted(users))}."
        )
    return users[name]


def _check_confirmation(name: str, role: Role, confirm: str | None) -> None:
    expected = f"{name}:{Role.ADMIN}"
    if role is Role.ADMIN and confirm != expected:
        raise RefusedError(
            f"Making {name} an admin is not confirmed",
            code="confirmation_wrong",
            why=f"Expected {expected!r} to the letter, got {confirm!r}.",
            fix=f"--confirm {expected}",
        )


def _plain(user: User | None) -> dict[str, str] | None:
    return None if user is None else {"role": user.role.value, "os_user": user.os_user}
