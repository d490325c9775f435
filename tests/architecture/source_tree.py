"""The repository's source as syntax trees: what the architecture tests look at."""

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parents[2]
NOT_OURS = {".git", "__pycache__", "node_modules", "site", "build", "dist"}


class SourceFile(NamedTuple):
    """One Python file: its path from the top folder (`bot/kernel/ids.py`), text and tree."""

    path: str
    text: str
    tree: ast.Module

    def at(self, node: ast.expr | ast.stmt) -> str:
        """Return `path:line`, as editors open it."""
        return f"{self.path}:{node.lineno}"


def python_files(*tops: str) -> tuple[SourceFile, ...]:
    """Return every Python file under these top folders, in order of their paths."""
    return tuple(source for top in tops for source in _files_under(top))


@functools.cache
def _files_under(top: str) -> tuple[SourceFile, ...]:
    paths = sorted(path for path in (REPOSITORY / top).rglob("*.py") if not NOT_OURS.intersection(path.parts))
    return tuple(_read(path) for path in paths)


def _read(path: Path) -> SourceFile:
    text = path.read_text(encoding="utf-8")
    return SourceFile(path.relative_to(REPOSITORY).as_posix(), text, ast.parse(text))


def parse(text: str, path: str = "bot/example.py") -> SourceFile:
    """Return made-up source, with which a test shows that its rule can fail."""
    return SourceFile(path, text, ast.parse(text))


def text_files() -> Iterator[tuple[str, str]]:
    """Yield (path, text) of every file of the project that people write or read as text."""
    suffixes = {".py", ".md", ".toml", ".json", ".yml", ".yaml", ".lock", ".sh", ".cfg", ".css", ".html"}
    named = {"Makefile", "LICENSE", "run", "lock"}
    tops = ("bot", "tests", "docs", "schemas", "benchmarks", ".ci", "deploy")
    candidates = [path for path in REPOSITORY.iterdir() if path.is_file()]
    for top in tops:
        candidates += [path for path in (REPOSITORY / top).rglob("*") if path.is_file()]
    for path in sorted(candidates):
        if NOT_OURS.intersection(path.parts) or not (path.suffix in suffixes or path.name in named):
            continue
        yield path.relative_to(REPOSITORY).as_posix(), path.read_text(encoding="utf-8")


def functions(source: SourceFile) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function and method of a file."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def docstrings(tree: ast.AST) -> set[ast.Constant]:
    """Return the nodes that are bare strings: docstrings and attribute documentation."""
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    }


def string_literals(source: SourceFile) -> Iterator[ast.Constant]:
    """Yield every string constant that is no docstring, the fixed parts of f-strings included."""
    bare = docstrings(source.tree)
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in bare:
            yield node


def dotted(node: ast.expr) -> str:
    """Return `os.path.join` for such an expression; parts that are no names read as `?`."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return "?"


def imported_modules(source: SourceFile) -> Iterator[tuple[str, ast.stmt]]:
    """Yield (module, statement) for every import; `from a import b` gives `a` and `a.b`."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, node
            yield from ((f"{node.module}.{alias.name}", node) for alias in node.names)


def under(path: str, *folders: str) -> bool:
    """Say whether the path is one of these files or lies in one of these folders."""
    return any(path == folder or path.startswith(folder.rstrip("/") + "/") for folder in folders)


def matches(pattern: str, name: str) -> bool:
    """Say whether the whole name fits the pattern."""
    return re.fullmatch(pattern, name) is not None
