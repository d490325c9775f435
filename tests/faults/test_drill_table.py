"""The page that lists the drills names tests that exist, all of them, and each under its own name."""

import ast
from pathlib import Path

import pytest

from tests.faults.drills import DRILLS, GATES, HERE, table

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "reliability.md"
NAMED = [*(test for tests in DRILLS.values() for test in tests), *GATES.values()]


def names_in(path: str) -> set[str]:
    tree = ast.parse((REPOSITORY / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("test", NAMED)
def test_a_listed_drill_is_a_test_that_exists(test: str) -> None:
    path, _, name = test.partition("::")
    assert name in names_in(path)


def test_every_drill_is_listed() -> None:
    drills = {name for name in names_in(HERE) if name.startswith("test_drill_")}
    assert {f"{HERE}::{name}" for name in drills} <= set(NAMED)


def test_the_page_lists_every_drill_with_its_tests() -> None:
    assert table() in PAGE.read_text(encoding="utf-8")
