"""No payload, however large or deep, gets on the bus or brings anybody down."""

from decimal import Decimal
from typing import Any

import pytest

from bot.commands.bus import DEPTH_MAX, PAYLOAD_BYTES_MAX, CommandMaker, parse_payload
from bot.kernel.errors import BotError, UsageError
from bot.lifecycle.command_payloads import FlagManagedDrift
from bot.lifecycle.commands import CommandType as C
from bot.lifecycle.events import Event
from bot.lifecycle.roles import Role, User
from bot.storage.schema_check import product_schemas
from tests.fakes.fake_clock import FakeClock
from tests.fakes.sequential_ids import SequentialIds

USERS = {"ann": User(role=Role.ADMIN, os_user="ann"), "vic": User(role=Role.VIEWER, os_user="vic")}

D = Decimal


def maker(denied: list[Event] | None = None) -> CommandMaker:
    return CommandMaker(
        clock=FakeClock(),
        ids=SequentialIds(),
        schemas=product_schemas(),
        users=lambda: USERS,
        on_denied=None if denied is None else denied.extend,
    )


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"a": value}
    return value


def refused(payload: Any, command: C = C.FLAG_MANAGED_DRIFT, actor: str = "bot") -> BotError:
    with pytest.raises(UsageError) as caught:
        maker().make(command, "SOL", payload, actor=actor)
    return caught.value


@pytest.mark.parametrize("levels", [DEPTH_MAX, 500, 100_000])
def test_a_payload_that_is_nested_too_deeply_is_refused(levels: int) -> None:
    words = {"drift_kind": "qty", "fingerprint": "f", "evidence": nested(levels)}
    assert refused(words).code == "payload_too_large"


def test_a_typed_payload_is_refused_alike() -> None:
    words = FlagManagedDrift(drift_kind="qty", fingerprint="f", evidence=nested(100_000))
    assert refused(words).code == "payload_too_large"


@pytest.mark.parametrize(
    "number", [D("1E+31"), D("1E+400"), D("1E+999999999"), D("1E-31"), 10**400, D("NaN"), D("-Infinity")]
)
@pytest.mark.parametrize("word", ["take_profit", "synthetic_entry_value", "max_allocation_usdt"])
def test_a_number_beyond_sense_gets_nowhere(word: str, number: Decimal | int) -> None:
    words = {word: number, "reason": "a slip of the finger"}
    assert refused(words, C.OVERRIDE_MANAGED_LEVELS, "user_ann").code == "payload_invalid"
    with pytest.raises(BotError) as caught:  # who went around the bus gets no further
        parse_payload(C.OVERRIDE_MANAGED_LEVELS, words)
    assert caught.value.code == "payload_invalid"


@pytest.mark.parametrize("number", [D("1E-12"), D("1E+15"), D("0.000000000000000001"), 10**18])
def test_the_smallest_price_and_the_largest_quantity_of_a_market_get_through(number: Decimal | int) -> None:
    words = {"take_profit": number, "reason": "a real one"}
    maker().make(C.OVERRIDE_MANAGED_LEVELS, "SOL", words, actor="user_ann")
    parse_payload(C.OVERRIDE_MANAGED_LEVELS, words)


def test_a_payload_of_ten_megabytes_is_refused() -> None:
    words = {"exits": "on", "reason": "x" * 10_000_000}
    assert refused(words, C.PAUSE_MANAGED_ASSET, "user_ann").code == "payload_too_large"


def test_a_wide_payload_is_refused() -> None:
    wide = {f"name{number}": number for number in range(PAYLOAD_BYTES_MAX // 10)}
    words = {"drift_kind": "qty", "fingerprint": "f", "evidence": wide}
    assert refused(words).code == "payload_too_large"


def test_an_honest_payload_passes() -> None:
    evidence = nested(5) | {"coins": {f"C{number}": number for number in range(5_000)}}
    words = {"drift_kind": "qty", "fingerprint": "f", "evidence": evidence}
    assert maker().make(C.FLAG_MANAGED_DRIFT, "SOL", words, actor="bot").payload == words


def test_a_stored_payload_that_went_around_the_bus_is_refused_when_it_is_applied() -> None:
    words = {"drift_kind": "qty", "fingerprint": "f", "evidence": nested(DEPTH_MAX)}
    with pytest.raises(BotError) as caught:
        parse_payload(C.FLAG_MANAGED_DRIFT, words)
    assert caught.value.code == "payload_too_large"


def test_a_denied_person_is_told_to_the_audit_and_others_are_not() -> None:
    denied: list[Event] = []
    with pytest.raises(BotError) as caught:
        maker(denied).make(C.PAUSE_MANAGED_ASSET, "SOL", {"exits": "on"}, actor="user_vic")
    assert caught.value.code == "role_missing"
    assert [(event.type, event.actor, event.asset, event.data["refused"]) for event in denied] == [
        ("access.denied", "user_vic", "SOL", "pause_managed_asset")
    ]
    maker(denied).make(C.PAUSE_MANAGED_ASSET, "SOL", {"exits": "on"}, actor="user_ann")
    assert len(denied) == 1
