"""Every reason code that the code gives is a row of `bot/kernel/reasons.py`, and every row is used."""

import ast
import re
from collections.abc import Iterator

import pytest

from bot.kernel.exit_codes import ExitCode
from bot.kernel.reasons import REASONS
from tests.architecture.source_tree import SourceFile, parse, python_files, string_literals

TABLE = "bot/kernel/reasons.py"
# Where a code is given by keyword; `reason_code` also carries the engine's codes for an abort.
_GIVEN_BY = {"code", "default_code"}
# Other programs' codes, and codes of outcomes that are no refusals, do not stand in this table.
_OTHER_TABLES = ("bot/exchange/box/", "bot/proposals/", "bot/lifecycle/documents.py")
_OUTCOMES = {"applied", "ok", "done"}


def given_codes(source: SourceFile) -> Iterator[tuple[str, ast.expr | ast.stmt]]:
    """Yield (code, node) of every reason code that a file gives as a literal."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.keyword) and node.arg in _GIVEN_BY:
            yield from _texts(node.value)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id in _GIVEN_BY for target in targets):
                yield from _texts(node.value)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("reason_for"):
            yield from (pair for argument in node.args for pair in _texts(argument))


def _texts(value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    branches = [value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]
    for branch in branches:
        if isinstance(branch, ast.Constant) and isinstance(branch.value, str):
            yield branch.value, branch


def test_every_reason_code_that_is_given_stands_in_the_table() -> None:
    unknown = [
        f"{source.at(node)} {code!r}"
        for source in python_files("bot")
        if not source.path.startswith(_OTHER_TABLES)
        for code, node in given_codes(source)
        if code not in REASONS and code not in _OUTCOMES
    ]
    assert unknown == []


def test_every_reason_of_the_table_is_given_somewhere() -> None:
    used = {
        str(node.value)
        for source in python_files("bot")
        if source.path != TABLE
        for node in string_literals(source)
    }
    assert sorted(set(REASONS) - used - {"unexpected"}) == []


@pytest.mark.parametrize("code", REASONS)
def test_a_reason_is_a_sentence_with_help_and_an_exit_code(code: str) -> None:
    row = REASONS[code]
    assert re.fullmatch(r"[a-z][a-z0-9_]*", code)
    assert re.fullmatch(r"[A-Z].*\.", row.sentence, re.DOTALL), row.sentence
    assert row.help
    assert row.exit_code in ExitCode
    assert row.exit_code is not ExitCode.OK


def test_the_rule_finds_a_given_code() -> None:
    text = "raise E('x', code='a' if y else 'b')\nclass E:\n    default_code = 'c'\nreason_for('d')\n"
    assert {code for code, _ in given_codes(parse(text))} == {"a", "b", "c", "d"}
