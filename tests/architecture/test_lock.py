"""`requirements.lock` pins what `pyproject.toml` asks for, by hash, and names no package host."""

import re
import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.source_tree import REPOSITORY

LOCK = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8")
PINNED = re.compile(r"^([\w.-]+)==([\w.]+)", re.MULTILINE)
PINS = {canonicalize_name(name): version for name, version in PINNED.findall(LOCK)}


def asked_for() -> list[Requirement]:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    groups = [*extras.values(), *project["dependency-groups"].values()]
    lines = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    return [Requirement(line) for line in [*lines, *(line for group in groups for line in group)]]


def test_every_dependency_is_pinned_to_a_version_that_is_allowed() -> None:
    wrong = [
        f"{wish}: locked is {PINS.get(canonicalize_name(wish.name))}"
        for wish in asked_for()
        if (pin := PINS.get(canonicalize_name(wish.name))) is None or not wish.specifier.contains(pin)
    ]
    assert wrong == []


def test_every_pin_has_a_hash() -> None:
    blocks = re.split(r"^(?=[\w.-]+==)", LOCK, flags=re.MULTILINE)[1:]
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_the_lock_names_versions_and_hashes_only() -> None:
    line = re.compile(r'[\w.-]+==[\w.]+( ; [\w. =<>!"\']+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?')
    assert [text for text in LOCK.splitlines() if not line.fullmatch(text)] == []
