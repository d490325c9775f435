"""The lifecycle's proofs in their long form; prints their table, keeps it in docs/reliability.md.

`make lifecycle`; about half an hour.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.faults.report import PAGE, REPOSITORY

BEGIN = "<!-- lifecycle: begin -->"
END = "<!-- lifecycle: end -->"
TESTS = (
    "tests/faults/test_pause_interleavings.py",
    "tests/faults/test_month.py",
    "tests/acceptance/test_races.py",
    "tests/property/test_lifecycle_home.py",
)


def table(rows: list[dict[str, object]]) -> str:
    """Return the rows as a Markdown table, in the order in which they were tried."""
    lines = ["| Proof | Tried | Broken |", "| --- | ---: | ---: |"]
    return "\n".join([*lines, *(f"| {row['kind']} | {row['tried']:,} | {row['losses']} |" for row in rows)])


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


def main() -> int:
    """Run the tests in their long form; the page is changed only if all of them passed."""
    with tempfile.TemporaryDirectory(prefix="lifecycle-") as folder:
        report = Path(folder) / "report.json"
        environ = {**os.environ, "FAULTS_SIZE": "long", "FAULTS_REPORT": str(report)}
        command = [sys.executable, "-m", "pytest", "-q", "--timeout=3600", *TESTS]
        code = subprocess.run(command, cwd=REPOSITORY, env=environ, check=False).returncode
        rows = json.loads(report.read_text(encoding="utf-8")) if report.exists() else []
    told = table(rows)
    sys.stdout.write(f"\n{told}\n")
    if code == 0:
        PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), told), encoding="utf-8")
        sys.stdout.write(f"\nkept in {PAGE.relative_to(REPOSITORY)}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
