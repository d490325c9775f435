"""Schemas and Structs side by side, down to the last nested object: the same names, the same must-haves."""

import json
from collections.abc import Iterator, Mapping
from types import FunctionType
from typing import Any

import msgspec
import msgspec.inspect as mi
import pytest

from bot.lifecycle.command_payloads import PAYLOADS
from bot.lifecycle.commands import CommandType
from bot.proposals.document import Proposal
from bot.storage.documents import ALL_KINDS, DocumentKind, DocumentMeta
from tests.architecture.source_tree import REPOSITORY

FOLDER = REPOSITORY / "schemas"


def read(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((FOLDER / f"{name}.schema.json").read_text(encoding="utf-8"))
    return document


def resolved(node: Any, definitions: Mapping[str, Any]) -> Any:
    """Return the schema with its local references written out."""
    if isinstance(node, list):
        return [resolved(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    reference = node.get("$ref")
    if isinstance(reference, str):
        node = {**definitions[reference.removeprefix("#/$defs/")], **node}
        del node["$ref"]
    return {name: resolved(value, definitions) for name, value in node.items() if name != "$defs"}


def differences(schema: Mapping[str, Any], kind: mi.Type, place: str = "") -> Iterator[str]:
    """Yield where a schema and a Python type disagree about an object's fields."""
    match kind:
        case mi.StructType():
            yield from _of_struct(schema, kind, place)
        case mi.DictType(value_type=value) if isinstance(schema.get("additionalProperties"), dict):
            yield from differences(schema["additionalProperties"], value, f"{place}/*")
        case mi.ListType(item_type=item) | mi.VarTupleType(item_type=item) if "items" in schema:
            yield from differences(schema["items"], item, f"{place}/[]")
        case mi.UnionType(types=types):
            for one in types:
                if not isinstance(one, mi.NoneType):
                    yield from differences(schema, one, place)
        case _:
            return


def _of_struct(schema: Mapping[str, Any], kind: mi.StructType, place: str) -> Iterator[str]:
    fields = {field.encode_name: field for field in kind.fields}
    objects = [one for one in schema.get("anyOf", schema.get("oneOf", ())) if "properties" in one]
    schema = objects[0] if len(objects) == 1 else schema
    properties = schema.get("properties", {})
    if set(properties) != set(fields):
        yield f"{place}: {sorted(set(properties) ^ set(fields))} are on one side only"
    needed = {name for name, field in fields.items() if field.required}
    # msgspec leaves out what equals a plain default; what a function of ours makes is always written.
    made = {name for name, field in fields.items() if isinstance(field.default_factory, FunctionType)}
    always = needed | made if kind.cls.__struct_config__.omit_defaults else set(fields)
    required = set(schema.get("required", ()))
    if not needed <= required:
        yield f"{place}: {sorted(needed - required)} may be left out by the schema alone"
    if not required <= always:
        yield f"{place}: {sorted(required - always)} may be left out by the type alone"
    for name in set(properties) & set(fields):
        yield from differences(properties[name], fields[name].type, f"{place}/{name}")


def document_schema(kind: DocumentKind[Any]) -> dict[str, Any]:
    """Return the schema of the content: without the envelope, and with what of it stands in `_meta`."""
    schema = read(kind.name)
    meta = schema["properties"]["_meta"]["properties"]
    properties = {k: v for k, v in schema["properties"].items() if k not in {"$schema", "_meta"}}
    properties |= {name: meta[name] for name in kind.meta_fields}
    return {"properties": properties, "required": set(schema["required"]) - {"$schema", "_meta"}}


@pytest.mark.parametrize("command", CommandType)
def test_a_payload_and_its_schema_have_the_same_fields_and_ask_for_the_same(command: CommandType) -> None:
    schema, kind = read(f"commands/{command}"), mi.type_info(PAYLOADS[command])
    assert list(differences(schema, kind)) == []
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize("kind", ALL_KINDS, ids=[kind.name for kind in ALL_KINDS])
def test_a_document_and_its_schema_have_the_same_fields_and_ask_for_the_same(kind: DocumentKind[Any]) -> None:
    assert list(differences(document_schema(kind), mi.type_info(kind.content_type))) == []


@pytest.mark.parametrize("kind", ALL_KINDS, ids=[kind.name for kind in ALL_KINDS])
def test_the_envelope_and_its_schema_have_the_same_fields(kind: DocumentKind[Any]) -> None:
    properties = read(kind.name)["properties"]["_meta"]["properties"]
    only_elsewhere = {"source", "wallet_signature"} - set(kind.meta_fields)
    assert set(properties) == set(DocumentMeta.__struct_encode_fields__) - only_elsewhere
    assert properties["schema_version"]["const"] == kind.schema_version


def test_a_proposal_and_its_schema_have_the_same_fields_and_ask_for_the_same() -> None:
    schema = read("risk_proposal")
    assert list(differences(resolved(schema, schema["$defs"]), mi.type_info(Proposal))) == []


def test_the_rule_finds_every_kind_of_difference() -> None:
    class Inner(msgspec.Struct, omit_defaults=True):
        a: int
        b: int = 0

    class Outer(msgspec.Struct):
        many: dict[str, Inner]
        some: list[Inner] | None = None

    inner: dict[str, Any] = {"properties": {"a": {}, "b": {}}, "required": ["a"]}
    good: dict[str, Any] = {
        "properties": {"many": {"additionalProperties": inner}, "some": {"items": inner}},
        "required": ["many"],
    }
    kind = mi.type_info(Outer)
    assert list(differences(good, kind)) == []
    for wrong in (
        {"properties": {"a": {}}, "required": ["a"]},
        {"properties": {"a": {}, "b": {}, "c": {}}, "required": ["a"]},
        {"properties": {"a": {}, "b": {}}, "required": []},
        {"properties": {"a": {}, "b": {}}, "required": ["a", "b"]},
    ):
        bad = {**good, "properties": {**good["properties"], "some": {"items": wrong}}}
        assert len(list(differences(bad, kind))) == 1
