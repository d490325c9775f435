"""One real file of each proposal version: it must load for ever, and the engine must still make it."""

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bot.kernel.canonical import canonical_bytes, readable_bytes
from bot.proposals.document import Proposal, document_digest, from_document, to_document
from bot.proposals.policy import RISK_MODEL_VERSION, policy_for, policy_of_payload
from bot.proposals.remake import remake
from tests.unit.proposals.proposal_facts import proposed

HERE = Path(__file__).parent
SCHEMA = HERE.parents[1] / "schemas" / "risk_proposal.schema.json"
FILES = sorted(HERE.glob("risk_proposal-*.json"))
OLDER = [path for path in FILES if RISK_MODEL_VERSION not in path.name]


def read(path: Path) -> Any:
    return json.loads(path.read_bytes(), parse_float=Decimal)


def test_the_current_risk_model_has_a_golden_file() -> None:
    assert f"risk_proposal-{RISK_MODEL_VERSION}.json" in [path.name for path in FILES]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_old_proposal_still_loads_validates_and_keeps_its_digest(path: Path) -> None:
    document = read(path)
    schema = json.loads(SCHEMA.read_bytes())
    jsonschema.Draft202012Validator(
        schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    ).validate(document)
    assert document_digest(document) == document["digest"]
    assert readable_bytes(to_document(from_document(document))) == path.read_bytes()


def test_the_engine_still_makes_the_golden_file_byte_for_byte() -> None:
    made = readable_bytes(to_document(proposed()))
    assert made == (HERE / f"risk_proposal-{RISK_MODEL_VERSION}.json").read_bytes(), (
        "the engine's numbers changed: that is a new RISK_MODEL_VERSION and a new golden file"
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_proposal_of_any_risk_model_is_made_again_from_its_inputs_to_the_same_bytes(path: Path) -> None:
    kept = json.loads(gzip.decompress(path.with_suffix(".inputs.json.gz").read_bytes()))
    again = remake(from_document(read(path)), {sha256: payload.encode() for sha256, payload in kept.items()})
    assert isinstance(again, Proposal), again
    assert readable_bytes(to_document(again)) == path.read_bytes()


def test_there_is_an_older_risk_model_to_prove_it_on() -> None:
    assert [path.stem for path in OLDER] == ["risk_proposal-phase1-cautious-v1"]
    assert "rehearsal" not in read(OLDER[0])
    assert "rehearsal" in read(HERE / f"risk_proposal-{RISK_MODEL_VERSION}.json")


def test_a_kept_policy_of_the_first_risk_model_gains_no_later_rule() -> None:
    kept = json.loads(gzip.decompress(OLDER[0].with_suffix(".inputs.json.gz").read_bytes()))
    record = next(one for one in read(OLDER[0])["inputs"] if one["source"] == "policy")
    policy = policy_of_payload(kept[record["sha256"]].encode())
    assert (policy.risk_model_version, policy.rehearsal) == ("phase1-cautious-v1", None)
    assert policy.regime.hysteresis is None
    current = policy_for("sandbox")
    assert policy_of_payload(canonical_bytes(current)) == current
