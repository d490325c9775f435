"""Approved or Denied: an order that no gate has seen is a type error at the gateway.

Our own no is "denied"; the exchange's no is "rejected".
"""

from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


class Approved(msgspec.Struct, Generic[T], frozen=True):
    """An order that passed every gate; only the gates of `bot.risk` make one."""

    order: T
    gates: tuple[str, ...]
    """The names of the gates that it passed, in order."""


class Denied(msgspec.Struct, frozen=True, kw_only=True):
    """A gate said no: which one, against which limit, with which actual value."""

    gate: str
    limit: str
    actual: str
    sentence: str
