"""A file is 400 lines at most; a function fits on a screen."""

import ast

from tests.architecture.source_tree import functions, parse, python_files

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60


def function_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return how many lines a function takes, from `def` on, its docstring aside."""
    last = node.end_lineno or node.lineno
    length = last - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node, clean=False) is not None and len(node.body) > 1:
        length -= (first.end_lineno or first.lineno) - first.lineno + 1
    return length


def test_no_file_is_longer_than_four_hundred_lines() -> None:
    long = {
        source.path: lines
        for source in python_files("bot", "tests", "benchmarks", "docs")
        if (lines := len(source.text.splitlines())) > FILE_LINES_MAX
    }
    assert long == {}


def test_every_function_fits_on_a_screen() -> None:
    long = {
        f"{source.at(node)} {node.name}": lines
        for source in python_files("bot", "tests", "benchmarks", "docs")
        for node in functions(source)
        if (lines := function_lines(node)) > FUNCTION_LINES_MAX
    }
    assert long == {}


def test_a_docstring_does_not_count_as_length() -> None:
    text = 'def f() -> int:\n    """One.\n\n    Two.\n    """\n    return 1\n'
    assert [function_lines(node) for node in functions(parse(text))] == [2]
