"""`bot --help` answers at once: what only single commands need is not loaded for it."""

import subprocess
import sys

import pytest

from tests.architecture.source_tree import REPOSITORY

HEAVY = (
    "alembic",
    "ccxt",
    "psycopg",
    "sqlalchemy",
    "numpy",
    "talib",
    "aiohttp",
    "jsonschema",
    "hypothesis",
    "pysqlite3",
    "requests",
)

ASK_FOR_HELP = f"""
import sys
sys.argv = ["bot", *sys.argv[1:]]
from bot.main import main
try:
    main()
except SystemExit as done:
    assert not done.code, done.code
print("loaded:", *sorted(set({HEAVY!r}) & set(sys.modules)))
"""


@pytest.mark.parametrize("words", [("--help",), ("--version",)])
@pytest.mark.smoke
def test_help_loads_no_heavy_library(words: tuple[str, ...]) -> None:
    run = subprocess.run(
        [sys.executable, "-c", ASK_FOR_HELP, *words],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-1].strip() == "loaded:"
