"""A document as one value per path, so that numbers can be named, compared and explained one by one.

A list of parts is walked by the parts' names, not by their places: `confidence.parts.history.score`,
`rehearsal.variants.recommended.stop_hits`. The recommended variant and the alternatives stand side by side
under `variants`, because they are one kind of thing.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

Leaf = Decimal | int | str | bool | None
Leaves = dict[str, Leaf]

_NAMED_BY = ("variant", "name", "source", "code", "with_symbol", "from_pct", "asset", "symbol")
_VARIANTS = "variants"
_SHARED = (
    "reference_price",
    "synthetic_entry_method",
    "synthetic_entry_value",
    "entry_price_source",
    "limits",
)
"""What stands beside the recommended variant, and is the same for all."""


def leaves_of(document: Mapping[str, Any]) -> Leaves:
    """Return every single value of a proposal by its path, in the document's order."""
    ordered: dict[str, Any] = {}
    for name, part in document.items():
        if name == "risk_recommendation":
            ordered[name] = {key: part[key] for key in _SHARED if key in part}
            ordered[_VARIANTS] = [{k: v for k, v in part.items() if k not in _SHARED}]
        elif name == "alternative_proposals":
            ordered.setdefault(_VARIANTS, []).extend(part)
        elif name != "$schema":
            ordered[name] = part
    return dict(_walk(ordered, ""))


def leaves_under(name: str, data: Any) -> Leaves:
    """Return every single value of any plain data, each path opening with a name."""
    return dict(_walk(data, name))


def fitted(pattern: str, path: str) -> str | None:
    """Return what the one `*` of a pattern stands for in a path, empty without one; None if it does not fit.

    A second `*` fits anything.
    """
    wanted, found = pattern.split("."), path.split(".")
    if len(wanted) != len(found):
        return None
    stands_for = ""
    for want, word in zip(wanted, found, strict=True):
        if want == "*":
            stands_for = stands_for or word
        elif want != word:
            return None
    return stands_for


def _walk(value: Any, path: str) -> Iterator[tuple[str, Leaf]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _walk(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        if all(isinstance(item, Mapping) for item in value):
            for number, item in enumerate(value):
                yield from _walk(item, f"{path}.{_name_of(item, number)}")
        else:
            yield path, ", ".join(str(item) for item in value)
    else:
        yield path, value


def _name_of(item: Mapping[str, Any], number: int) -> str:
    # A point would end the name, as a bin that begins at -1.5 has it.
    return next((str(item[key]).replace(".", ",") for key in _NAMED_BY if key in item), str(number))
