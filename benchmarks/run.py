"""Runs the benchmarks: `make bench`, or `python -m benchmarks.run [name …]` for some of them.

Prints a table, writes `benchmarks/latest.json` and exits 1 if a bar was missed.
"""

import importlib
import sys
from pathlib import Path

import msgspec

from benchmarks.measure import Result, as_table

NAMES = ("help_startup",)
"""Modules of this folder with a function `measure() -> list[Result]`, in the order of the table."""

LATEST = Path(__file__).with_name("latest.json")


def main(wanted: tuple[str, ...]) -> int:
    """Measure, print, and keep the figures; with names, only print."""
    unknown = set(wanted) - set(NAMES)
    if unknown:
        print(
            f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}", file=sys.stderr
        )
        return 2
    results: list[Result] = []
    for name in wanted or NAMES:
        print(f"measuring {name} …", file=sys.stderr)
        results += importlib.import_module(f"benchmarks.{name}").measure()
    print(as_table(results))
    if not wanted:
        LATEST.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n")
    return 0 if all(result.holds for result in results) else 1


if __name__ == "__main__":
    sys.exit(main(tuple(sys.argv[1:])))
