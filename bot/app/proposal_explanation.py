"""Why a proposal says what it says: each number with its formula, what entered it, the inputs behind it."""

from collections.abc import Mapping
from typing import Any

import msgspec

from bot.app.core import HomeContext
from bot.app.proposal_formulas import FORMULAS, Formula
from bot.app.proposal_formulas_rehearsal import REHEARSAL
from bot.app.proposal_paths import Leaf, Leaves, fitted, leaves_of, leaves_under
from bot.kernel.errors import StateFileError, UsageError
from bot.proposals.inputs import InputKind
from bot.storage.files.json_codec import NotStrictJsonError, decode_strict
from bot.storage.proposal_reader import read_input

_TABLE: dict[str, Formula] = FORMULAS | REHEARSAL
_READ_IN = {InputKind.POLICY: "policy", InputKind.MARKET_RULES: "market_rules"}
"""Inputs whose single values are shown where they enter a formula."""
_SHA_SHOWN = 8


class Entering(msgspec.Struct, frozen=True, kw_only=True):
    """One number that enters another."""

    path: str
    value: Leaf


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """One number of a proposal, explained."""

    path: str
    value: Leaf
    unit: str
    formula: str
    enters: tuple[Entering, ...]
    sources: tuple[str, ...]
    """The inputs that it hangs on, directly or by what enters it; names of `inputs`."""


def formula_of(path: str) -> tuple[Formula, str] | None:
    """Return a number's formula and the name of its part, or None where the table has none."""
    if path in _TABLE:
        return _TABLE[path], ""
    for pattern, formula in _TABLE.items():
        part = fitted(pattern, path) if "*" in pattern else None
        if part is not None:
            return formula, part
    return None


def entering_paths(path: str) -> tuple[str, ...]:
    """Return the paths of what enters a number."""
    found = formula_of(path)
    if found is None:
        return ()
    formula, part = found
    own = path.rsplit(".", maxsplit=1)[0]
    if part and not own.endswith(part):  # deeper than its part, as the bins of a distribution are
        own = own[: own.index(f".{part}") + len(part) + 1]
    paths = (own + name if name.startswith(".") else name.replace("*", part) for name in formula.enters)
    return tuple(dict.fromkeys(paths))


def sources_of(path: str) -> tuple[InputKind, ...]:
    """Return the inputs that a number hangs on, by whatever enters it, in the order of `inputs`."""
    found: set[InputKind] = set()
    left, seen = [path], {path}
    while left:
        at = left.pop()
        formula = formula_of(at)
        found |= set(formula[0].sources) if formula else set()
        found |= {kind for kind, name in _READ_IN.items() if at.startswith(f"{name}.")}
        more = [name for name in entering_paths(at) if name not in seen]
        seen |= set(more)
        left += more
    return tuple(kind for kind in InputKind if kind in found)


def explain(context: HomeContext, document: Mapping[str, Any], field: str = "") -> tuple[Explained, ...]:
    """Return every number of a proposal with where it comes from.

    Args:
        context: The home; a kept input that is gone leaves its values out, nothing more.
        document: The proposal.
        field: Only this one: a whole path, the end of one, or the name of a part.

    Raises:
        UsageError: The proposal has no such number.
    """
    leaves = leaves_of(document)
    wanted = [path for path in leaves if formula_of(path) is not None and _is_asked(path, field)]
    if not wanted:
        raise UsageError(
            f"The proposal has no number {field}.",
            why="Named is a whole path or the end of one, as bot proposals explain shows them.",
            fix=f"bot proposals explain {document['asset']}",
        )
    known = leaves | kept_values(context, document)
    return tuple(_explained(path, known) for path in wanted)


def source_words(document: Mapping[str, Any], source: str) -> str:
    """Return an input in words: what it is, its rows and times, the beginning of its digest."""
    for record in document["inputs"]:
        if record["source"] == source:
            frame = f" {record['timeframe']}" if "timeframe" in record else ""
            first, last = record.get("first_at"), record.get("last_at")
            times = "" if first is None else f", {first}" if first == last else f", {first} to {last}"
            return f"{source}{frame} ({record['rows']} rows{times}, {record['sha256'][:_SHA_SHOWN]})"
    return f"{source} (not named in the proposal)"


def kept_values(context: HomeContext, document: Mapping[str, Any]) -> Leaves:
    """Return the single values of the risk model and of the exchange's filters, as far as they are kept."""
    values: Leaves = {}
    for record in document["inputs"]:
        name = _READ_IN.get(record["source"])
        if name is None:
            continue
        try:
            values |= leaves_under(name, decode_strict(read_input(context.home, record["sha256"])))
        except (StateFileError, NotStrictJsonError):
            continue  # bot proposals verify tells of it
    return values


def _is_asked(path: str, field: str) -> bool:
    return not field or f".{field}." in f".{path}."


def _explained(path: str, known: Mapping[str, Leaf]) -> Explained:
    found = formula_of(path)
    formula = found[0] if found is not None else Formula("")
    return Explained(
        path=path,
        value=known[path],
        unit=formula.unit,
        formula=formula.words,
        enters=tuple(
            Entering(path=name, value=known[name]) for name in entering_paths(path) if name in known
        ),
        sources=tuple(kind.value for kind in sources_of(path)),
    )
