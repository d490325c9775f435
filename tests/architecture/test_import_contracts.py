"""The house's import rules, as written in `pyproject.toml`, and proof that each can be broken."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.source_tree import (
    REPOSITORY,
    SourceFile,
    imported_modules,
    parse,
    python_files,
    under,
)

# One import per contract that it has to refuse: (contract id, importing module, statement).
FORBIDDEN_IMPORTS = (
    ("layers", "bot/kernel/bad.py", "import bot.lifecycle.states"),
    ("layers", "bot/storage/bad.py", "import bot.exchange.gateway"),
    ("layers", "bot/storage/bad.py", "import bot.observability.progress"),
    ("layers", "bot/unplaced/__init__.py", ""),
    ("acyclic", "bot/kernel/bad.py", "import bot.kernel.worse"),
    ("pure", "bot/risk/bad.py", "import os"),
    ("pure", "bot/kernel/bad.py", "import time"),
    ("pure", "bot/proposals/bad.py", "from pathlib import Path"),
    ("exchange-only", "bot/trading/bad.py", "import ccxt"),
    ("storage-only", "bot/commands/bad.py", "import sqlite3"),
    ("storage-only", "bot/observability/bad.py", "import sqlite3"),
    ("box-apart", "bot/exchange/bad.py", "import bot.exchange.box.config"),
    ("box-alone", "bot/exchange/box/bad.py", "import bot.exchange.gateway"),
    ("thin-edges", "bot/cli/bad.py", "import bot.exchange.gateway"),
    ("thin-edges", "bot/cli/bad.py", "import bot.commands.handlers"),
    ("writers", "bot/commands/bad.py", "import bot.storage.managed_state_writer"),
    ("writers", "bot/trading/bad.py", "from bot.storage import baseline_writer"),
    ("positions", "bot/commands/handlers/bad.py", "import bot.storage.positions_writer"),
    ("edge-writers", "bot/cli/bad.py", "from bot.storage.proposal_writer import write_proposal"),
)


def contracts() -> list[dict[str, Any]]:
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    listed: list[dict[str, Any]] = settings["tool"]["importlinter"]["contracts"]
    return listed


def lint_imports(top: Path, *words: str) -> subprocess.CompletedProcess[str]:
    script = "from importlinter.cli import lint_imports_command as run; run()"
    return subprocess.run(
        [sys.executable, "-c", script, "--no-cache", *words],
        cwd=top,
        env={"PYTHONPATH": str(top), "PATH": "", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.smoke
def test_every_import_contract_holds() -> None:
    run = lint_imports(REPOSITORY)
    assert run.returncode == 0, run.stdout + run.stderr


def test_every_contract_is_named_as_a_sentence_and_has_an_example_that_breaks_it() -> None:
    assert all(re.fullmatch(r"[A-Z].* .* .*", contract["name"]) for contract in contracts())
    assert {contract["id"] for contract in contracts()} == {row[0] for row in FORBIDDEN_IMPORTS}


@pytest.mark.parametrize(("contract", "module", "statement"), FORBIDDEN_IMPORTS)
def test_a_contract_refuses_the_import_that_it_forbids(
    contract: str, module: str, statement: str, tmp_path: Path
) -> None:
    shutil.copytree(REPOSITORY / "bot", tmp_path / "bot", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    bad = tmp_path / module
    bad.parent.mkdir(exist_ok=True)
    bad.write_text(f'"""An example."""\n\n{statement}\n', encoding="utf-8")
    (tmp_path / "bot/kernel/worse.py").write_text("import bot.kernel.bad\n", encoding="utf-8")
    (tmp_path / "bot/kernel/bad.py").touch()
    run = lint_imports(tmp_path, "--contract", contract)
    assert run.returncode == 1, run.stdout + run.stderr
    assert "1 broken" in run.stdout


# ---- The state writers once more, by the form of the name: a new writer is covered at once.


def wrong_writer_imports(source: SourceFile) -> list[str]:
    """Return where a file imports a `bot.storage.*_writer` that it may not use.

    The handlers write the managed state, the baseline and the settings; the trading loop its own
    positions; a proposal file is written where proposals are made, in `bot/commands` or the wiring.
    """
    allowed: dict[str, tuple[str, ...]] = {
        "positions_writer": ("bot/trading",),
        "proposal_writer": ("bot/commands", "bot/app", "bot/trading"),
    }
    found = []
    for module, statement in imported_modules(source):
        fit = re.fullmatch(r"bot\.storage\.(\w+_writer)(\.\w+)?", module)
        if fit and not under(source.path, "bot/storage", *allowed.get(fit[1], ("bot/commands/handlers",))):
            found.append(f"{source.at(statement)} {module}")
    return found


def test_handlers_alone_import_a_state_writer_and_the_trading_loop_its_positions() -> None:
    assert [place for source in python_files("bot") for place in wrong_writer_imports(source)] == []


@pytest.mark.parametrize(
    ("path", "statement", "wrong"),
    [
        ("bot/cli/x.py", "from bot.storage.managed_state_writer import write", True),
        ("bot/commands/bus.py", "from bot.storage import managed_state_writer", True),
        ("bot/trading/x.py", "import bot.storage.baseline_writer", True),
        ("bot/cli/x.py", "import bot.storage.proposal_writer", True),
        ("bot/commands/handlers/x.py", "from bot.storage import managed_state_writer", False),
        ("bot/trading/x.py", "from bot.storage.positions_writer import write_positions", False),
        ("bot/cli/x.py", "from bot.storage import managed_state_reader", False),
    ],
)
def test_the_rule_finds_a_writer_in_the_wrong_place(path: str, statement: str, wrong: bool) -> None:  # noqa: FBT001 - a table's column
    assert bool(wrong_writer_imports(parse(statement, path))) is wrong
