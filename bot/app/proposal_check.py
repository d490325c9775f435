"""Is a proposal what the engine made of what it was told? Made again from the kept inputs, byte for byte.

In this order: 1 the file (strict JSON, schema, its own digest, its name); 2 the audit's record of that
digest; 3 every kept input under the SHA-256 that the proposal names; 4 the engine once more on those
inputs: the same digest, and the same bytes as the file.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from bot.app.core import HomeContext
from bot.app.proposal_paths import leaves_of
from bot.kernel.errors import BotError, StateFileError
from bot.lifecycle.events import EventType
from bot.proposals.abort import Abort
from bot.proposals.document import Proposal, from_document, to_document
from bot.proposals.remake import remake
from bot.storage.files.json_codec import encode, plain
from bot.storage.proposal_reader import list_proposal_ids, proposal_bytes, read_input, read_proposal

_PATHS_SHOWN = 10


class Verdict(StrEnum):
    """How one part of the check ended."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    NOT_TRIED = "not tried"


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One part of the check."""

    name: str
    """`file`, `record`, `input <source>` or `engine`."""
    verdict: Verdict
    sentence: str


class ProposalCheck(msgspec.Struct, frozen=True, kw_only=True):
    """One proposal, checked."""

    proposal_id: str
    asset: str | None
    """None where the file does not tell."""
    risk_model_version: str | None
    code: str
    """`ok`, or the reason code of the first part that failed."""
    parts: tuple[Part, ...]

    @property
    def holds(self) -> bool:
        """Say whether nothing failed."""
        return self.code == "ok"

    @property
    def first_failure(self) -> Part | None:
        """Return the first part that failed."""
        return next((part for part in self.parts if part.verdict is Verdict.FAILED), None)


def check_proposals(
    context: HomeContext, proposal_ids: Sequence[str] | None = None
) -> tuple[ProposalCheck, ...]:
    """Check these proposals, or every one of this home.

    Raises:
        AuditError: The audit log is damaged.
        UsageError: A text is no id.
    """
    recorded = recorded_digests(context)
    names = list_proposal_ids(context.home) if proposal_ids is None else proposal_ids
    return tuple(check_proposal(context, name, recorded) for name in names)


def check_proposal(context: HomeContext, proposal_id: str, recorded: Mapping[str, str]) -> ProposalCheck:
    """Check one proposal; whatever is wrong is a part that failed, nothing is raised for it.

    Args:
        context: The home.
        proposal_id: Which.
        recorded: Digests by proposal id, as the audit tells them.

    Raises:
        UsageError: The text is no id.
    """
    try:
        document = read_proposal(context.home, proposal_id)
    except StateFileError as error:
        failed = Part(name="file", verdict=Verdict.FAILED, sentence=error.why)
        return ProposalCheck(
            proposal_id=proposal_id, asset=None, risk_model_version=None, code=error.code, parts=(failed,)
        )
    inputs, payloads = _inputs(context, document)
    parts = (
        Part(name="file", verdict=Verdict.OK, sentence="schema, digest and name hold"),
        _record(document, recorded.get(proposal_id)),
        *inputs,
        _engine(context, document, payloads, complete=all(part.verdict is Verdict.OK for part in inputs)),
    )
    failed_part = next((part for part in parts if part.verdict is Verdict.FAILED), None)
    return ProposalCheck(
        proposal_id=proposal_id,
        asset=document["asset"],
        risk_model_version=document["risk_model_version"],
        code=_code(failed_part),
        parts=parts,
    )


def recorded_digests(context: HomeContext) -> dict[str, str]:
    """Return the digest of each proposal as the audit recorded it when it was made."""
    found: dict[str, str] = {}
    for record in context.store.audit.records():
        data = record.get("data") or {}
        if record.get("type") == EventType.ASSET_PROPOSAL_GENERATED and "proposal_digest" in data:
            found[str(data["proposal_id"])] = str(data["proposal_digest"])
    return found


def _code(failed: Part | None) -> str:
    if failed is None:
        return "ok"
    if failed.name.startswith("input "):
        return "proposal_input_invalid"
    return "proposal_not_reproduced" if failed.name == "engine" else "proposal_file_invalid"


def _record(document: Mapping[str, Any], recorded: str | None) -> Part:
    if recorded is None:
        words = "the audit knows of no such proposal: an orphan, which cannot be approved"
        return Part(name="record", verdict=Verdict.WARNING, sentence=words)
    if recorded != document["digest"]:
        words = f"the audit recorded {recorded}, the file says {document['digest']}"
        return Part(name="record", verdict=Verdict.FAILED, sentence=words)
    return Part(name="record", verdict=Verdict.OK, sentence="the audit recorded this digest")


def _inputs(context: HomeContext, document: Mapping[str, Any]) -> tuple[list[Part], dict[str, bytes]]:
    parts: list[Part] = []
    payloads: dict[str, bytes] = {}
    for record in document["inputs"]:
        name, sha256 = f"input {record['source']}", str(record["sha256"])
        try:
            payloads[sha256] = read_input(context.home, sha256)
        except BotError as error:
            parts.append(Part(name=name, verdict=Verdict.FAILED, sentence=f"{sha256[:8]}: {error.why}"))
            continue
        words = f"{sha256[:8]}, {record['rows']} rows"
        parts.append(Part(name=name, verdict=Verdict.OK, sentence=words))
    return parts, payloads


def _engine(
    context: HomeContext, document: Mapping[str, Any], payloads: Mapping[str, bytes], *, complete: bool
) -> Part:
    if not complete:
        return Part(name="engine", verdict=Verdict.NOT_TRIED, sentence="not all of its inputs are there")
    try:
        made = remake(from_document(document), payloads)
    except (BotError, msgspec.ValidationError, ValueError, ArithmeticError) as error:
        words = f"this engine cannot make it again: {error}"
        return Part(name="engine", verdict=Verdict.FAILED, sentence=words)
    if isinstance(made, Abort):
        words = f"the engine aborts on these inputs: {made.sentence} [{made.code}]"
        return Part(name="engine", verdict=Verdict.FAILED, sentence=words)
    return _compared(context, document, made)


def _compared(context: HomeContext, document: Mapping[str, Any], made: Proposal) -> Part:
    again = to_document(made)
    if made.digest != document["digest"]:
        old, new = leaves_of(document), leaves_of(again)
        paths = [
            name
            for name in dict.fromkeys([*old, *new])
            if old.get(name) != new.get(name) and name != "digest"
        ]
        more = f" and {len(paths) - _PATHS_SHOWN} more" if len(paths) > _PATHS_SHOWN else ""
        words = f"made again it differs in {', '.join(paths[:_PATHS_SHOWN])}{more}"
        return Part(name="engine", verdict=Verdict.FAILED, sentence=words)
    if encode(plain(again)) != proposal_bytes(context.home, document["proposal_id"]):
        words = "the same digest, but not the same bytes: the file's white space or order was changed"
        return Part(name="engine", verdict=Verdict.FAILED, sentence=words)
    return Part(name="engine", verdict=Verdict.OK, sentence="made again from its inputs: the same bytes")
