"""Documents of older releases: one function per step, applied when such a file is read.

`(document, its schema version)` names a step; its function gets the whole document as plain data and
returns it in the next version's form. The file itself never changes: the next commit writes the newest
form. Every released version has a file in `tests/golden` that must load for ever.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

Document = dict[str, Any]


class Upgrade(NamedTuple):
    """One step: the version that it leads to, and how."""

    target: str
    change: Callable[[Document], Document]


Upgrades = Mapping[tuple[str, str], Upgrade]

UPGRADES: Upgrades = {}
"""The released steps; empty, because `…-1` is the first version of every document."""


def upgraded(kind_name: str, document: Document, *, newest: str, upgrades: Upgrades) -> Document | None:
    """Return the document in the newest version's form, or None where no way leads there."""
    seen: set[str] = set()
    while (version := str(document["_meta"].get("schema_version"))) != newest:
        step = upgrades.get((kind_name, version))
        if step is None or version in seen:
            return None
        seen.add(version)
        changed = step.change(document)
        document = {**changed, "_meta": {**changed["_meta"], "schema_version": step.target}}
    return document
