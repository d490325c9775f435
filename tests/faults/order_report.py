"""Many random faults around exits; prints their table, keeps it in docs/reliability.md: `make orderfaults`.

`python -m tests.faults.order_report [COUNT [FIRST_SEED]]`; the page is renewed by a full run without a loss.
"""

import sys
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.faults.order_scenarios import KINDS, Story
from tests.faults.report import PAGE, REPOSITORY

BEGIN = "<!-- order faults: begin -->"
END = "<!-- order faults: end -->"
_DEFAULT = 1_000


def table(stories: int, struck: Counter[str], losses: Counter[str]) -> str:
    """Return how often each kind was among a story's faults, and how many of these stories lost something."""
    lines = ["| Fault around an exit | Stories | Losses |", "| --- | ---: | ---: |"]
    lines += [f"| {kind} | {struck[kind]:,} | {losses[kind]} |" for kind in KINDS]
    return "\n".join(
        [*lines, f"| **all stories** (one to four faults each) | **{stories:,}** | **{losses['']}** |"]
    )


def with_table(page: str, told: str) -> str:
    """Return the page with the table between its marks.

    Raises:
        ValueError: The marks are not there.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page lacks {BEGIN} or {END}")
    return f"{before}{BEGIN}\n\n{told}\n\n{END}{after}"


def told_of(seed: int) -> tuple[list[str], list[str]]:
    """Live through one story in a folder of its own; returns its kinds and what was lost."""
    with tempfile.TemporaryDirectory(prefix="orders-") as folder:
        story = Story(seed).run(Path(folder) / "home")
    return story.kinds, story.losses


def main(arguments: list[str]) -> int:
    """Live through the stories of consecutive seeds, as many at once as there are processors."""
    count = int(arguments[0]) if arguments else _DEFAULT
    first = int(arguments[1]) if len(arguments) > 1 else 0
    struck: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    with ProcessPoolExecutor() as pool:
        for kinds, losses in pool.map(told_of, range(first, first + count)):
            struck.update(kinds)
            if losses:
                lost.update(["", *kinds])
                sys.stdout.write("\n".join([*losses, ""]))
                sys.stdout.flush()
    told = table(count, struck, lost)
    sys.stdout.write(f"\n{told}\n")
    if lost:
        return 1
    if arguments:
        return 0
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), told), encoding="utf-8")
    sys.stdout.write(f"\nkept in {PAGE.relative_to(REPOSITORY)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
