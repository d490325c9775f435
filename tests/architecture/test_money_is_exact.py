"""Where money is kept, nothing is a float: only durations in seconds may be."""

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.source_tree import SourceFile, parse, python_files, under

EXACT = ("bot/kernel", "bot/lifecycle", "bot/holdings", "bot/execution", "bot/risk", "bot/storage")
DURATION_NAMES = ("_s", "seconds", "monotonic")


def _is_duration(name: str) -> bool:
    return name.endswith(DURATION_NAMES)


def _annotated(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.arg) and node.annotation is not None:
            yield node.arg, node.annotation
        elif isinstance(node, ast.AnnAssign):
            yield ast.unparse(node.target), node.annotation
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is not None:
            yield node.name, node.returns


def _speaks_of_float(annotation: ast.expr) -> bool:
    parts = (annotation, *ast.walk(annotation))
    return any(isinstance(part, ast.Name) and part.id == "float" for part in parts)


def floats(source: SourceFile) -> list[str]:
    """Return where the file annotates or makes a float that is no duration."""
    found = [
        f"{source.at(annotation)} {name}: {ast.unparse(annotation)}"
        for name, annotation in _annotated(source.tree)
        if _speaks_of_float(annotation) and not _is_duration(name)
    ]
    found += [
        f"{source.at(node)} {ast.unparse(node)}"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float"
    ]
    return found


def test_no_float_stands_near_money() -> None:
    assert [
        place for source in python_files("bot") if under(source.path, *EXACT) for place in floats(source)
    ] == []


@pytest.mark.parametrize(
    "text",
    [
        "def f(price: float) -> None: ...",
        "x: dict[str, float] = {}",
        "def f() -> float | None: ...",
        "y = float('1')",
    ],
)
def test_the_rule_finds_a_float(text: str) -> None:
    assert len(floats(parse(text))) == 1


def test_a_duration_may_be_a_float() -> None:
    assert floats(parse("def sleep(seconds: float, *, timeout_s: float = 1.0) -> None: ...")) == []
