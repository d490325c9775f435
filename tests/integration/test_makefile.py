"""`make` explains itself, and says what is missing instead of failing half-way."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with what `make` looks at first, and no `.venv`."""
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, tmp_path)
    return tmp_path


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", *words], cwd=folder, env=clean, capture_output=True, text=True, timeout=60, check=False
    )


def interpreter(folder: Path, text: str) -> str:
    path = folder / "python-in-question"
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return f"PYTHON={path}"


def test_make_alone_lists_the_targets(checkout: Path) -> None:
    run = make(checkout)
    assert run.returncode == 0
    for target in ("demo", "test", "smoke", "lint", "bench", "docs", "clean"):
        assert f"  make {target}" in run.stdout
    assert not (checkout / ".venv").exists()


def test_an_old_python_is_named_before_anything_is_made(checkout: Path) -> None:
    run = make(checkout, "test", interpreter(checkout, 'echo "Python 3.9.18"; exit 1'))
    assert run.returncode != 0
    assert "Python 3.11 or newer is needed" in run.stdout
    assert "Python 3.9.18" in run.stdout
    assert not (checkout / ".venv").exists()


def test_a_missing_python_is_named(checkout: Path) -> None:
    run = make(checkout, "demo", "PYTHON=no-such-python")
    assert run.returncode != 0
    assert "there is no 'no-such-python' on PATH" in run.stdout


def test_a_python_without_venv_gets_the_advice_to_install_it(checkout: Path) -> None:
    run = make(checkout, "test", interpreter(checkout, 'case "$2" in *ensurepip*) exit 1;; *) exit 0;; esac'))
    assert run.returncode != 0
    assert "lacks the modules venv and ensurepip" in run.stdout
