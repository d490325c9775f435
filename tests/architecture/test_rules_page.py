"""The page of rules: every rule of the source has a place that enforces it and a test that proves it."""

import ast
from functools import cache

import pytest

from docs.rules_durable import Rule
from docs.rules_table import RULES
from tests.architecture.source_tree import REPOSITORY

SERIES = {"T": range(1, 21), "DR-": range(1, 14), "SR-": range(11, 16), "R": range(1, 7)}
MORE_SERIES = {"D": range(1, 6), "C": range(1, 4), "M": range(1, 6), "Q-MH-": range(1, 16)}


def numbers() -> set[str]:
    """Return the numbers of all rules that the source names and describes."""
    return {
        f"{prefix}{number:02}" if prefix == "T" else f"{prefix}{number}"
        for prefix, series in (SERIES | MORE_SERIES).items()
        for number in series
    }


@cache
def names_in(path: str) -> frozenset[str]:
    """Return what a file defines at its top; none if there is no such file."""
    file = REPOSITORY / path
    if not file.is_file():
        return frozenset()
    found: set[str] = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        targets = node.targets if isinstance(node, ast.Assign) else ()
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return frozenset(found)


def lost(references: tuple[str, ...], mark: str) -> list[str]:
    """Return the references whose file does not define the name behind the mark."""
    return [one for one in references if one.partition(mark)[2] not in names_in(one.partition(mark)[0])]


def test_every_rule_of_the_source_is_on_the_page_once() -> None:
    assert sorted(rule.number for rule in RULES) == sorted(numbers())


@pytest.mark.parametrize("rule", RULES, ids=[rule.number for rule in RULES])
def test_a_rule_has_a_place_that_enforces_it_and_a_test_that_proves_it(rule: Rule) -> None:
    assert rule.places
    assert rule.tests
    assert lost(rule.places, ":") == []
    assert lost(rule.tests, "::") == []
    assert all(test.partition("::")[2].startswith("test_") for test in rule.tests)


def test_a_place_or_a_test_that_does_not_exist_is_found() -> None:
    assert lost(("bot/lifecycle/states.py:Nowhere",), ":") == ["bot/lifecycle/states.py:Nowhere"]
    assert lost(("bot/nowhere.py:AssetState",), ":") == ["bot/nowhere.py:AssetState"]
    assert lost(("bot/lifecycle/states.py:AssetState",), ":") == []
