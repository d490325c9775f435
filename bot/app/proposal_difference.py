"""Two proposals of one coin side by side: what moved, and what moved it.

A number that is computed moved because something that enters it did; a number that was fetched moved
because the market, the wallet or the risk model did. Identity, times and sentences are left out: they
differ between any two proposals and say nothing of their own.
"""

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from bot.app.core import HomeContext
from bot.app.proposal_explanation import entering_paths, formula_of, kept_values
from bot.app.proposal_paths import Leaf, leaves_of
from bot.kernel.errors import UsageError
from bot.kernel.money import HUNDRED
from bot.storage.proposal_reader import proposals_of, read_proposal

_OF_EACH = (
    "proposal_id",
    "digest",
    "generated_at",
    "expires_at",
    "proposal_version",
    "rationale",
    "explanation",
    "sentence",
    "observed_at",
    "first_at",
    "last_at",
    "trade_ids",
)
"""Last words of paths that are left out."""
_PCT_PLACES = Decimal("0.1")


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """One value that is not the same; None on a side where it is absent."""

    path: str
    unit: str
    before: Leaf
    after: Leaf
    change_pct: Decimal | None
    """Percent of the value before; None where that has no meaning."""
    because: tuple[str, ...]
    """Paths of what enters it and moved, then `input …` for what it is read from and was fetched anew."""


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """Which proposal stands on one side."""

    proposal_id: str
    proposal_version: int
    generated_at: str
    risk_model_version: str


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What moved between two proposals of one coin."""

    asset: str
    before: Side
    after: Side
    parts_added: dict[str, int]
    """Parts that only the newer one has, with how many values they hold."""
    parts_removed: dict[str, int]
    moved: tuple[Moved, ...]
    """Every other value that is not the same."""
    roots: tuple[str, ...]
    """Paths of the numbers that moved by themselves: none of what enters them did."""

    @property
    def differs(self) -> bool:
        """Say whether anything is not the same."""
        return bool(self.moved or self.parts_added or self.parts_removed)


def previous_of(context: HomeContext, document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the coin's proposal before this one.

    Raises:
        UsageError: `no_such_proposal`: this is the coin's first.
        StateFileError: Its file cannot be trusted.
    """
    asset = str(document["asset"])
    others = [
        read_proposal(context.home, name)
        for name in proposals_of(context.home, asset)
        if name != document["proposal_id"]
    ]
    older = [other for other in others if _age(other) < _age(document)]
    if not older:
        raise UsageError(
            f"{document['proposal_id'][:8]} is the first proposal of {asset}.",
            code="no_such_proposal",
            why="There is none before it to compare with.",
        )
    return max(older, key=_age)


def difference(context: HomeContext, before: Mapping[str, Any], after: Mapping[str, Any]) -> Difference:
    """Return what moved between two proposals, with the risk model's own numbers where they did.

    Raises:
        UsageError: They are of two coins.
    """
    if before["asset"] != after["asset"]:
        raise UsageError(
            f"{before['asset']} and {after['asset']} are two coins.",
            why="Compared are proposals of one coin.",
        )
    old = leaves_of(before) | kept_values(context, before)
    new = leaves_of(after) | kept_values(context, after)
    added, removed = _only_in(new, old), _only_in(old, new)
    paths = [
        path
        for path in dict.fromkeys([*new, *old])
        if _counts(path) and _part(path) not in added and _part(path) not in removed
    ]
    changed = [path for path in paths if old.get(path) != new.get(path) or (path in old) != (path in new)]
    causes = {*changed, *_inputs_anew(before, after)}
    moved = tuple(_moved(path, old, new, causes) for path in changed)
    return Difference(
        asset=str(after["asset"]),
        before=_side(before),
        after=_side(after),
        parts_added=added,
        parts_removed=removed,
        moved=moved,
        roots=tuple(item.path for item in moved if _is_number(item) and not _follows(item)),
    )


def _inputs_anew(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    """Return the names of inputs whose bytes are not the same."""
    old = {record["source"]: record["sha256"] for record in before["inputs"]}
    return {f"input {one['source']}" for one in after["inputs"] if old.get(one["source"]) != one["sha256"]}


def _moved(path: str, old: Mapping[str, Leaf], new: Mapping[str, Leaf], causes: set[str]) -> Moved:
    before, after = old.get(path), new.get(path)
    found = formula_of(path)
    sources = tuple(f"input {kind.value}" for kind in found[0].sources) if found is not None else ()
    return Moved(
        path=path,
        unit=found[0].unit if found is not None else "",
        before=before,
        after=after,
        change_pct=_change_pct(before, after),
        because=tuple(name for name in (*entering_paths(path), *sources) if name in causes),
    )


def _part(path: str) -> str:
    return path.split(".", maxsplit=1)[0]


def _only_in(one: Mapping[str, Leaf], other: Mapping[str, Leaf]) -> dict[str, int]:
    """Return the parts that only one side has, with how many values they hold."""
    there = {_part(path) for path in other}
    return dict(Counter(_part(path) for path in one if "." in path and _part(path) not in there))


def _counts(path: str) -> bool:
    """Say whether a difference there says anything."""
    if path.startswith("inputs.") or ".distribution." in path:
        return False
    return path.rsplit(".", maxsplit=1)[-1] not in _OF_EACH


def _follows(item: Moved) -> bool:
    return any(not name.startswith("input ") for name in item.because)


def _is_number(item: Moved) -> bool:
    return any(isinstance(value, Decimal | int) for value in (item.before, item.after))


def _change_pct(before: Leaf, after: Leaf) -> Decimal | None:
    if isinstance(before, bool) or isinstance(after, bool):
        return None
    if not isinstance(before, Decimal | int) or not isinstance(after, Decimal | int) or not before:
        return None
    return ((Decimal(after) - before) / abs(Decimal(before)) * HUNDRED).quantize(_PCT_PLACES)


def _side(document: Mapping[str, Any]) -> Side:
    return Side(
        proposal_id=document["proposal_id"],
        proposal_version=document["proposal_version"],
        generated_at=document["generated_at"],
        risk_model_version=document["risk_model_version"],
    )


def _age(document: Mapping[str, Any]) -> tuple[str, int]:
    return str(document["generated_at"]), int(document["proposal_version"])
