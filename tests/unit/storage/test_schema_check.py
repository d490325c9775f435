"""Every schema of the product can be used, and a bad payload is told field by field."""

from decimal import Decimal
from pathlib import Path

import pytest

from bot.kernel.errors import UsageError
from bot.storage.home import schema_source
from bot.storage.schema_check import SchemaCheck, product_schemas

NAMES = sorted(
    path.relative_to(schema_source()).as_posix().removesuffix(".schema.json")
    for path in schema_source().rglob("*.schema.json")
)


@pytest.mark.parametrize("name", NAMES)
def test_every_schema_refuses_what_is_no_object(name: str) -> None:
    assert product_schemas().has(name)
    assert not product_schemas().is_valid(name, "no object")
    assert product_schemas().problems(name, "no object")


def test_a_payload_is_told_field_by_field() -> None:
    found = product_schemas().problems("commands/pause_managed_asset", {"exits": "maybe", "surprise": 1})
    told = [f"{problem.json_path}: {problem.found} {problem.allowed}" for problem in found]
    assert any(line.startswith('exits: "maybe"') for line in told)
    assert any("surprise" in line for line in told)


def test_decimals_are_numbers_with_their_exact_value(tmp_path: Path) -> None:
    (tmp_path / "money.schema.json").write_text(
        '{"type": "number", "exclusiveMinimum": 0, "multipleOf": 0.01}'
    )
    schemas = SchemaCheck(tmp_path)
    assert schemas.is_valid("money", Decimal("0.07"))
    assert not schemas.is_valid("money", Decimal("0.00000001"))
    assert not schemas.is_valid("money", Decimal(0))


def test_an_unknown_schema_is_named_with_those_that_are_known() -> None:
    with pytest.raises(UsageError, match="Known: baseline_holdings, commands/"):
        product_schemas().check("nonsense", {})
