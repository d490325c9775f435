"""The schema and the Structs say the same, and an independent validator agrees."""

import copy
import enum
import json
import types
import typing
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from bot.kernel.canonical import readable_bytes
from bot.lifecycle.command_payloads import EntryMethod
from bot.proposals import document as tree
from bot.proposals.inputs import InputKind, InputRecord
from bot.proposals.parts import Note
from bot.proposals.policy import VariantName
from bot.proposals.regime import RegimeName
from bot.proposals.rehearsal_document import Rehearsal, RehearsalOfVariant, ResultBin
from bot.proposals.sizing import LimitedBy
from bot.proposals.wording import LANGUAGES
from tests.unit.proposals.proposal_facts import a_trade, facts, proposed, wallet_of

SCHEMA: dict[str, Any] = json.loads(
    (Path(__file__).parents[3] / "schemas" / "risk_proposal.schema.json").read_bytes()
)
VALIDATOR = jsonschema.Draft202012Validator(
    SCHEMA, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
)
DEFS = SCHEMA["$defs"]


def written(document: dict[str, Any]) -> Any:
    """Return the document as any JSON reader sees it."""
    return json.loads(readable_bytes(document))


def part(path: str) -> dict[str, Any]:
    """Return the object schema that a struct corresponds to."""
    node = SCHEMA if path == "" else DEFS
    for name in path.split(".") if path else ():
        node = node[name]
    return typing.cast("dict[str, Any]", node)


PARTS: list[tuple[type[msgspec.Struct], str]] = [
    (tree.Proposal, ""),
    (Note, "note"),
    (tree.RequestRecord, "request"),
    (tree.WalletRecord, "wallet"),
    (tree.RegimeBasis, "regime_basis"),
    (tree.MarketContext, "market_context"),
    (tree.StrategyRecommendation, "strategy_recommendation"),
    (tree.FeeNotCounted, "entry_price_source.properties.fees_not_counted.items"),
    (tree.EntrySource, "entry_price_source"),
    (tree.DcaSettings, "dca_settings"),
    (tree.VariantTerms, "variant_terms"),
    (tree.SizingLimits, "risk_recommendation.properties.limits"),
    (tree.RiskRecommendation, "risk_recommendation"),
    (tree.Correlation, "correlation"),
    (tree.ContextWarnings, "context_warnings"),
    (tree.ConfidencePart, "confidence.properties.parts.items"),
    (tree.Confidence, "confidence"),
    (Rehearsal, "rehearsal"),
    (RehearsalOfVariant, "rehearsal_of_variant"),
    (ResultBin, "rehearsal_of_variant.properties.distribution.items"),
    (InputRecord, "input"),
]


@pytest.mark.parametrize(("struct", "path"), PARTS, ids=lambda value: getattr(value, "__name__", None))
def test_schema_and_struct_have_the_same_keys_and_the_same_required_ones(
    struct: type[msgspec.Struct], path: str
) -> None:
    node = part(path)
    fields = msgspec.structs.fields(struct)
    assert node["properties"].keys() == {field.encode_name for field in fields}
    assert set(node["required"]) == {field.encode_name for field in fields if field.required}
    assert node["additionalProperties"] is False


def test_every_struct_of_the_tree_is_compared() -> None:
    compared = {struct for struct, _ in PARTS}
    for struct in compared:
        for hint in typing.get_type_hints(struct).values():
            for inner in flat(hint):
                if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
                    assert inner in compared


def flat(hint: Any) -> list[Any]:
    if isinstance(hint, types.GenericAlias | types.UnionType):
        return [inner for item in typing.get_args(hint) for inner in flat(item)]
    return [hint]


@pytest.mark.parametrize(
    ("names", "values"),
    [
        (DEFS["variant_name"]["enum"], VariantName),
        (DEFS["entry_method"]["enum"], EntryMethod),
        (DEFS["market_context"]["properties"]["regime"]["enum"], RegimeName),
        (DEFS["variant_terms"]["properties"]["allocation_limited_by"]["enum"], LimitedBy),
        (DEFS["input"]["properties"]["source"]["enum"], InputKind),
    ],
)
def test_enums_are_those_of_the_code(names: list[str], values: type[enum.StrEnum]) -> None:
    assert names == [value.value for value in values]


def test_the_languages_are_those_of_the_code() -> None:
    assert SCHEMA["properties"]["language"]["enum"] == list(LANGUAGES)


def test_every_field_is_described() -> None:
    def walk(node: Any) -> None:
        if isinstance(node, dict):
            for name, field in node.get("properties", {}).items():
                described = "description" in field or "$ref" in field or "const" in field
                assert described, name
            for item in node.values():
                walk(item)
        elif isinstance(node, list):
            for item in node:
                walk(item)

    walk(SCHEMA)
    assert all("description" in definition for definition in DEFS.values())


def test_the_schema_is_a_valid_2020_12_schema_with_a_relative_id() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$id"] == "risk_proposal.schema.json"


@pytest.mark.parametrize("language", LANGUAGES)
def test_proposals_of_every_kind_are_valid(language: str) -> None:
    rich = facts(own_trades=(a_trade(1, "buy", "4", "20", "0.01", "BNB"),), environment="mainnet")
    small = facts(wallet=wallet_of(facts().wallet.balances["SOL"].total / 40))
    for told in (facts(), rich, small):
        VALIDATOR.validate(written(tree.to_document(proposed(told, language=language))))


DAMAGES: list[tuple[str, tuple[str, ...], Any]] = [
    ("a key too many", ("surprise",), 1),
    ("a stop of zero", ("risk_recommendation", "stop_loss"), 0),
    ("a score above one", ("confidence", "overall_score"), 1.1),
    ("copy trading", ("strategy_recommendation", "strategy_group"), "t3_copy_trading"),
    ("a local time", ("generated_at",), "2026-05-10T12:30:00+02:00"),
    ("a month thirteen", ("generated_at",), "2026-13-10T12:30:00Z"),
    ("a price as text", ("market_context", "current_price"), "145.32"),
    ("an upper-case digest", ("digest",), "A" * 64),
    ("no reason for a no", ("risk_recommendation", "allowed"), False),
    ("an unknown regime", ("market_context", "regime"), "CRAB"),
]


@pytest.mark.parametrize(("path", "value"), [row[1:] for row in DAMAGES], ids=[row[0] for row in DAMAGES])
def test_a_damaged_document_is_refused(path: tuple[str, ...], value: Any) -> None:
    document = copy.deepcopy(written(tree.to_document(proposed())))
    node = document
    for name in path[:-1]:
        node = node[name]
    node[path[-1]] = value
    assert not VALIDATOR.is_valid(document)


@pytest.mark.parametrize("key", SCHEMA["required"])
def test_a_missing_top_level_key_is_refused(key: str) -> None:
    document = written(tree.to_document(proposed()))
    del document[key]
    assert not VALIDATOR.is_valid(document)
