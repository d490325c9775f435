"""The table of mutants fits the code and the tests: each defect has its place, each killer its test."""

import ast
from pathlib import Path

import pytest

from tests.faults.mutants import MUTANTS, REPOSITORY, Mutant, mutated

FOLDER = Path(__file__).parent


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_is_a_change_that_python_can_run(mutant: Mutant) -> None:
    ast.parse(mutated(mutant, REPOSITORY))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_names_a_test_that_is_there(mutant: Mutant) -> None:
    file, _, words = mutant.killed_by.partition("::")
    tree = ast.parse((FOLDER / file).read_text(encoding="utf-8"))
    names = [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    assert any(name.startswith("test_") and words in name for name in names)


def test_no_two_mutants_share_a_name() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
