"""Try every fault in its long form, print the table, keep it in docs/reliability.md: `make faults`."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / "docs" / "reliability.md"
BEGIN = "<!-- faults: begin -->"
END = "<!-- faults: end -->"
NOT_OF_THE_STORE = ("tests/faults/test_pause_interleavings.py", "tests/faults/test_month.py")
"""These have a report of their own: `make lifecycle`."""


def table(rows: list[dict[str, object]]) -> str:
    """Return the rows as a Markdown table, in the order in which they were tried."""
    lines = ["| Fault | Tried | Losses |", "| --- | ---: | ---: |"]
    lines += [f"| {row['kind']} | {row['tried']:,} | {row['losses']} |" for row in rows]
    tried = sum(int(str(row["tried"])) for row in rows)
    losses = sum(int(str(row["losses"])) for row in rows)
    return "\n".join([*lines, f"| **all** | **{tried:,}** | **{losses}** |"])


def with_table(page: str, told: str) -> str:
    """Return the page with the table between its marks.

    Raises:
        ValueError: The marks are not there.
    """
    before, _, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"the page lacks {BEGIN} or {END}")
    return f"{before}{BEGIN}\n\n{told}\n\n{END}{after}"


def main() -> int:
    """Run the folder's tests; the page is changed only if all of them passed."""
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        report = Path(folder) / "report.json"
        environ = {**os.environ, "FAULTS_SIZE": "long", "FAULTS_REPORT": str(report)}
        command = [sys.executable, "-m", "pytest", "-q", "--timeout=1200", "tests/faults"]
        command += [*(f"--ignore={test}" for test in NOT_OF_THE_STORE), *sys.argv[1:]]
        code = subprocess.run(command, cwd=REPOSITORY, env=environ, check=False).returncode
        rows = json.loads(report.read_text(encoding="utf-8")) if report.exists() else []
    told = table(rows)
    sys.stdout.write(f"\n{told}\n")
    if code == 0 and not sys.argv[1:]:
        PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), told), encoding="utf-8")
        sys.stdout.write(f"\nkept in {PAGE.relative_to(REPOSITORY)}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
