"""The operator's runbook: every reason code with what to do, from the table and the notes.

`docs/runbook_notes.md` is the half that a person writes: `# ` begins a group, `## ` a reason code. The sentence,
what helps and the exit code come from `bot/kernel/reasons.py`. A test fails for a code without a note, and for
a note without a code.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bot.kernel.reasons import REASONS

NOTES = Path(__file__).resolve().parent / "runbook_notes.md"


class Part(NamedTuple):
    """A heading with what stands below it; level 0 is what stands before the first one."""

    level: int
    title: str
    body: str


def parts_of(text: str) -> Iterator[Part]:
    """Yield the parts of the notes in their order."""
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    for piece in re.split(r"^(?=##? )", text, flags=re.MULTILINE):
        marks, _, rest = piece.partition(" ")
        if set(marks) == {"#"}:
            title, _, body = rest.partition("\n")
            yield Part(len(marks), title.strip(), body.strip())
        else:
            yield Part(0, "", piece.strip())


def missing_and_strange(text: str) -> tuple[list[str], list[str]]:
    """Return the reason codes without a note, and the notes without a code or with one that has a note."""
    noted = [part.title for part in parts_of(text) if part.level == 2]  # noqa: PLR2004 - two marks: a code
    strange = [code for number, code in enumerate(noted) if code not in REASONS or code in noted[:number]]
    return sorted(set(REASONS) - set(noted)), strange


def runbook_parts() -> Iterator[str]:
    """Yield the page below its title, part by part."""
    for part in parts_of(NOTES.read_text(encoding="utf-8")):
        if part.level == 0:
            yield part.body
        elif part.level == 1:
            yield f"## {part.title}\n\n{part.body}".strip()
        else:
            yield f"### `{part.title}`\n\n{_facts(part.title)}{part.body}".strip()


def _facts(code: str) -> str:
    row = REASONS.get(code)
    if row is None:
        return ""
    helps = row.help if row.help.endswith((".", ";")) else f"{row.help}."
    return f"**{row.sentence}** {helps} Exit code {int(row.exit_code)}.\n\n"
