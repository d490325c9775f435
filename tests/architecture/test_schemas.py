"""`schemas/` and the Python types say the same: the contract that other languages read."""

import json
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bot.execution.orders import OrderStatus
from bot.holdings.baseline import Policy
from bot.lifecycle.command_payloads import PAYLOADS, EntryMethod
from bot.lifecycle.commands import CommandType
from bot.lifecycle.documents import ExitReason, Exits, ManagedAsset, PendingProposal, ReleaseMode, TradingHalt
from bot.lifecycle.states import AWAITING, IN_THE_BOTS_HANDS, AssetState
from tests.architecture.source_tree import REPOSITORY

FOLDER = REPOSITORY / "schemas"
FILES = sorted(FOLDER.rglob("*.schema.json"))
DOCUMENTS = ("managed_state", "baseline_holdings", "runtime_config", "positions", "risk_proposal")

# Every `enum` in the schemas either is one of these, whole, or one of the named parts.
WHOLE: tuple[type[StrEnum], ...] = (
    AssetState,
    EntryMethod,
    ExitReason,
    Exits,
    OrderStatus,
    Policy,
    ReleaseMode,
)
PARTS: tuple[frozenset[str], ...] = (frozenset(AWAITING), frozenset(IN_THE_BOTS_HANDS))


def read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def name_of(path: Path) -> str:
    return path.relative_to(FOLDER).as_posix().removesuffix(".schema.json")


def walk(node: object, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (JSON pointer, object) of every object in a schema."""
    if isinstance(node, dict):
        yield place, node
        for key, value in node.items():
            yield from walk(value, f"{place}/{key}")
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from walk(value, f"{place}/{number}")


def strange_enums(schema: object) -> list[str]:
    """Return enums that overlap one of the Python enums without being it or a named part of it."""
    found = []
    for place, node in walk(schema):
        values = node.get("enum")
        if not isinstance(values, list):
            continue
        listed = frozenset(value for value in values if isinstance(value, str))
        near = [kind for kind in WHOLE if len(listed & frozenset(kind)) > 1]
        if near and listed not in PARTS and not any(listed == frozenset(kind) for kind in near):
            found.append(
                f"{place}/enum {sorted(listed)} is not {' or '.join(kind.__name__ for kind in near)}"
            )
    return found


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_schema_is_valid_json_schema_2020_12_and_names_itself(path: Path) -> None:
    schema = read(path)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == path.relative_to(FOLDER).as_posix()
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_every_field_of_a_schema_is_described(path: Path) -> None:
    silent = [
        f"{place}/properties/{name}"
        for place, node in walk(read(path))
        if isinstance(node.get("properties"), dict) and not place.endswith(("/if", "/then", "/else", "/not"))
        for name, field in node["properties"].items()
        if isinstance(field, dict) and not {"description", "$ref", "const"} & set(field)
    ]
    assert silent == []


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_the_enums_of_a_schema_are_the_python_enums(path: Path) -> None:
    assert strange_enums(read(path)) == []


def test_every_document_has_its_schema() -> None:
    assert {name for name in DOCUMENTS if not (FOLDER / f"{name}.schema.json").exists()} == set()


def test_every_command_type_has_a_payload_and_a_schema() -> None:
    listed = {name_of(path).removeprefix("commands/") for path in FILES if path.parent.name == "commands"}
    assert listed == set(CommandType)
    assert set(PAYLOADS) == set(CommandType)


@pytest.mark.parametrize("command", CommandType)
def test_a_payload_schema_has_the_fields_of_its_python_type(command: CommandType) -> None:
    schema = read(FOLDER / "commands" / f"{command}.schema.json")
    assert set(schema.get("properties", {})) == set(PAYLOADS[command].__struct_fields__)


def test_the_managed_state_schema_has_the_fields_and_states_of_the_python_types() -> None:
    properties = read(FOLDER / "managed_state.schema.json")["properties"]
    entry = properties["managed_assets"]["additionalProperties"]["properties"]
    pending = properties["pending_proposals"]["additionalProperties"]["properties"]
    assert set(properties["trading_halt"]["properties"]) == set(TradingHalt.__struct_encode_fields__)
    assert set(entry) == set(ManagedAsset.__struct_encode_fields__)
    assert set(pending) == set(PendingProposal.__struct_encode_fields__)
    assert entry["state"]["enum"] == [state.value for state in AssetState]


def test_the_rule_finds_an_enum_that_has_lost_a_value() -> None:
    shorter = [state.value for state in AssetState][:-1]
    assert len(strange_enums({"properties": {"state": {"enum": shorter}}})) == 1
