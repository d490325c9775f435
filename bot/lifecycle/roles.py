"""Who may ask for what: viewer reads, operator lowers risk and asks, admin does all."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec


class Role(StrEnum):
    """What a user may do."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A person who may act; `os_user` is the operating-system account they act from on the host."""

    role: Role
    os_user: str


RoleBook = Mapping[str, User]
"""Users by id."""


def role_of(book: RoleBook, user_id: str) -> Role | None:
    """Return the user's role, or None for somebody nobody named."""
    user = book.get(user_id)
    return user.role if user is not None else None


def user_of_account(book: RoleBook, os_user: str) -> str | None:
    """Return the id of the user who acts from this operating-system account."""
    return next((user_id for user_id, user in sorted(book.items()) if user.os_user == os_user), None)
