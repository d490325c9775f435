"""What lies behind a proposal, printed: where each number comes from, what moved, whether it holds."""

from collections.abc import Collection, Sequence
from typing import Any

from bot.app.proposal_check import ProposalCheck
from bot.app.proposal_difference import Difference, Moved
from bot.app.proposal_explanation import Explained, source_words
from bot.app.proposal_figures import written
from bot.cli.screen import Column, Screen

_MOVED = (
    Column(""),
    Column("number"),
    Column("before", number=True),
    Column("after", number=True),
    Column("change", number=True),
    Column("because of"),
)
_CHECKS = (Column("asset"), Column("verdict"), Column("model"), Column("id"), Column("what failed"))
_PARTS = (Column("part"), Column("verdict"), Column("found"))


def print_explanation(screen: Screen, document: dict[str, Any], lines: Sequence[Explained]) -> None:
    """Print each number with its formula, what entered it and the inputs behind it."""
    group = ""
    for line in lines:
        section = _section(line.path)
        if section != group:
            screen.line()
            screen.line(section, style="bold")
            group = section
        screen.line(f"  {line.path} = {written(line.path, line.value)} {line.unit}".rstrip())
        screen.line(f"    {line.formula}")
        if line.enters:
            told = (f"{item.path} {written(item.path, item.value)}" for item in line.enters)
            screen.line(f"    with {', '.join(told)}", style="dim")
        if line.sources:
            screen.line(f"    from {', '.join(line.sources)}", style="dim")
    screen.line()
    screen.line("Inputs, kept in risk_proposals/inputs", style="bold")
    for source in dict.fromkeys(source for line in lines for source in line.sources):
        screen.line(f"  {source_words(document, source)}")


def print_difference(screen: Screen, found: Difference, *, shown: Collection[str] | None) -> None:
    """Print what moved by itself, which judgements changed, and what followed from that.

    Args:
        screen: Where to.
        found: The difference.
        shown: Of what followed, only these paths; None for all.
    """
    before, after = found.before, found.after
    screen.line(
        f"{found.asset}: version {before.proposal_version} ({before.proposal_id[:8]}, {before.generated_at})"
        f" -> version {after.proposal_version} ({after.proposal_id[:8]}, {after.generated_at})",
        style="bold",
    )
    for sign, parts in (("+", found.parts_added), ("-", found.parts_removed)):
        for name, count in parts.items():
            screen.line(f"{sign} {name}: {count} values that the other one does not have")
    if not found.moved:
        screen.line("Nothing moved.")
        return
    roots = [item for item in found.moved if item.path in found.roots]
    judged = [item for item in found.moved if not _is_number(item)]
    followed = [item for item in found.moved if item not in roots and item not in judged]
    hidden = [item for item in followed if shown is not None and item.path not in shown]
    followed = [item for item in followed if item not in hidden]
    for title, items in (
        ("Moved by itself", roots),
        ("Judged differently", judged),
        ("Followed from that", followed),
    ):
        if items:
            screen.line()
            screen.line(title, style="bold")
            screen.table(_MOVED, [_moved_row(item) for item in items])
    screen.line()
    rest = f"; {len(hidden)} of them are not shown here (--all)" if hidden else ""
    screen.line(f"{len(found.moved)} values moved, {len(roots)} of them by themselves{rest}.")


def print_checks(screen: Screen, checks: Sequence[ProposalCheck]) -> None:
    """Print one proposal's check part by part, or several ones a line each."""
    if len(checks) == 1:
        (check,) = checks
        screen.line(f"Proposal {check.proposal_id} of {check.asset or '?'}", style="bold")
        screen.table(_PARTS, [[part.name, part.verdict, part.sentence] for part in check.parts])
        return
    rows = []
    for check in checks:
        failed = check.first_failure
        words = f"{failed.name}: {failed.sentence}" if failed else ""
        verdict = "holds" if check.holds else check.code
        rows.append([check.asset or "?", verdict, check.risk_model_version or "?", check.proposal_id, words])
    screen.table(_CHECKS, rows, empty="No proposal was made yet: bot propose SOL")


def _section(path: str) -> str:
    words = path.split(".")
    if "variants" in words[:2]:
        return " ".join([*words[: words.index("variants")], words[words.index("variants") + 1]])
    return words[0] if len(words) > 1 else "proposal"


def _moved_row(item: Moved) -> list[object]:
    sign = "+" if item.before is None else "-" if item.after is None else "~"
    change = "" if item.change_pct is None else f"{item.change_pct:+} %"
    before, after = (written(item.path, value) for value in (item.before, item.after))
    return [sign, item.path, before, after, change, ", ".join(dict.fromkeys(map(_short, item.because)))]


def _short(path: str) -> str:
    """Return a cause by its last word; what that would not tell apart keeps more of its path."""
    if path.startswith("policy."):
        return path
    return path.removeprefix("confidence.parts.") if "parts" in path else path.rsplit(".", maxsplit=1)[-1]


def _is_number(item: Moved) -> bool:
    return not any(isinstance(value, bool | str) for value in (item.before, item.after))
