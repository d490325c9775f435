"""A proposal is checked against everything that it was made of, and what is wrong is named."""

import gzip
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bot.app.core import HomeContext
from bot.app.proposal_check import ProposalCheck, Verdict, check_proposal, check_proposals
from bot.kernel.canonical import digest_without
from bot.kernel.reasons import reason_for
from bot.storage.files.json_codec import decode_strict, encode
from bot.storage.proposal_reader import input_path, proposal_path
from tests.unit.app.proposal_pages import FIRST, SECOND, document_of, new_home


@pytest.fixture
def context(tmp_path: Path) -> HomeContext:
    return new_home(tmp_path / "home")


def check(context: HomeContext, document: dict[str, Any]) -> ProposalCheck:
    return check_proposal(context, document["proposal_id"], {document["proposal_id"]: document["digest"]})


def part(found: ProposalCheck, name: str) -> tuple[Verdict, str]:
    return next((one.verdict, one.sentence) for one in found.parts if one.name == name)


def replace(path: Path, data: bytes) -> None:
    path.chmod(0o600)
    path.write_bytes(data)


def sha_of(document: dict[str, Any], source: str) -> str:
    return str(next(one["sha256"] for one in document["inputs"] if one["source"] == source))


def test_a_proposal_that_was_left_alone_is_made_again_to_the_byte(context: HomeContext) -> None:
    found = check(context, document_of(home=context))
    assert (found.holds, found.code, found.first_failure) == (True, "ok", None)
    assert {one.verdict for one in found.parts} == {Verdict.OK}
    assert part(found, "engine")[1].endswith("the same bytes")


def test_a_file_with_one_number_changed_does_not_hold(context: HomeContext) -> None:
    document = document_of(home=context)
    path = proposal_path(context.home, FIRST)
    replace(path, path.read_bytes().replace(b'"take_profit_pct": ', b'"take_profit_pct": 1', 1))
    found = check(context, document)
    assert found.code == "proposal_file_invalid"
    assert "digest" in part(found, "file")[1]


def test_a_forgery_with_a_digest_of_its_own_is_found_by_the_audit_and_by_the_engine(
    context: HomeContext,
) -> None:
    document = document_of(home=context)
    forged = decode_strict(proposal_path(context.home, FIRST).read_bytes())
    forged["confidence"]["overall_score"] = 1
    forged["digest"] = digest_without(forged, "digest")
    replace(proposal_path(context.home, FIRST), encode(forged))
    found = check(context, document)
    assert found.code == "proposal_file_invalid"
    assert part(found, "record")[0] is Verdict.FAILED
    assert part(found, "engine") == (
        Verdict.FAILED,
        "made again it differs in confidence.overall_score",
    )
    alone = check_proposal(context, FIRST, {FIRST: forged["digest"]})
    assert alone.code == "proposal_not_reproduced"


def test_white_space_is_no_other_proposal_but_not_the_same_bytes(context: HomeContext) -> None:
    document = document_of(home=context)
    path = proposal_path(context.home, FIRST)
    replace(path, json.dumps(json.loads(path.read_bytes(), parse_float=str)).encode())
    assert check(context, document).code == "proposal_file_invalid"  # numbers became text
    replace(path, msgspec.json.format(encode(document), indent=4))
    found = check(context, document)
    assert found.code == "proposal_not_reproduced"
    assert "white space" in part(found, "engine")[1]


@pytest.mark.parametrize("source", ["candles_daily", "order_book", "policy", "wallet"])
def test_an_input_that_is_gone_is_named_and_the_engine_is_not_tried(
    context: HomeContext, source: str
) -> None:
    document = document_of(home=context)
    input_path(context.home, sha_of(document, source)).unlink()
    found = check(context, document)
    assert found.code == "proposal_input_invalid"
    assert [one.name for one in found.parts if one.verdict is Verdict.FAILED] == [f"input {source}"]
    assert part(found, "engine")[0] is Verdict.NOT_TRIED


def test_an_input_that_was_changed_is_named(context: HomeContext) -> None:
    document = document_of(home=context)
    path = input_path(context.home, sha_of(document, "ticker"))
    replace(path, gzip.compress(gzip.decompress(path.read_bytes()) + b" ", mtime=0))
    found = check(context, document)
    assert found.code == "proposal_input_invalid"
    assert "does not give its name" in part(found, "input ticker")[1]


def test_a_proposal_that_the_audit_does_not_know_is_an_orphan_but_holds(context: HomeContext) -> None:
    document_of(home=context)
    (found,) = check_proposals(context)
    assert found.holds
    assert part(found, "record")[0] is Verdict.WARNING


def test_all_proposals_are_checked_and_one_damaged_file_hides_no_other(context: HomeContext) -> None:
    document_of(home=context)
    document_of(home=context, proposal_id=SECOND)
    replace(proposal_path(context.home, FIRST), b"{")
    assert [(one.proposal_id, one.code) for one in check_proposals(context)] == [
        (FIRST, "proposal_file_invalid"),
        (SECOND, "ok"),
    ]


@pytest.mark.parametrize(
    "code", ["proposal_file_invalid", "proposal_input_invalid", "proposal_not_reproduced"]
)
def test_every_way_not_to_hold_ends_a_command_with_3(code: str) -> None:
    assert reason_for(code).exit_code == 3
