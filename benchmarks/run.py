"""Runs the benchmarks: `make bench`, or `python -m benchmarks.run [--quick] [name …]` for some of them.

Prints a table and exits 1 if a bar was missed. A full run also writes `benchmarks/latest.json` and the
table in `docs/performance.md`; with names or `--quick` (tiny sizes, figures without meaning) it only prints.
"""

import importlib
import sys
import traceback
from pathlib import Path

import msgspec

from benchmarks.measure import Result, as_table
from benchmarks.report import write_page

NAMES = (
    "help_startup",
    "single_apply",
    "group_commit",
    "daemon_latency",
    "idle_daemon",
    "claim",
    "commit_cost",
    "cycle",
    "rehearsal",
    "proposal",
    "peers",
    "box",
    "stop_to_exit",
    "simulated_day",
)
"""Modules of this folder with a function `measure(*, quick: bool) -> list[Result]`, in the table's order."""

QUICK = "--quick"
LATEST = Path(__file__).with_name("latest.json")


def main(words: tuple[str, ...]) -> int:
    """Measure, print, and keep the figures; with names or `--quick`, only print."""
    quick = QUICK in words
    wanted = tuple(word for word in words if word != QUICK)
    unknown = set(wanted) - set(NAMES)
    if unknown:
        print(
            f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}", file=sys.stderr
        )
        return 2
    results: list[Result] = []
    broken: list[str] = []
    for name in wanted or NAMES:
        print(f"measuring {name} …", file=sys.stderr)
        try:
            results += importlib.import_module(f"benchmarks.{name}").measure(quick=quick)
        except Exception:  # noqa: BLE001 - one that breaks must not cost the figures of the others
            broken.append(name)
            traceback.print_exc()
    print(as_table(results))
    if broken:
        print(f"broke off: {', '.join(broken)}; nothing was kept", file=sys.stderr)
        return 1
    if not wanted and not quick:
        LATEST.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n")
        write_page(results)
    return 0 if all(result.holds for result in results) else 1


if __name__ == "__main__":
    sys.exit(main(tuple(sys.argv[1:])))
