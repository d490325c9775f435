"""One real file of each proposal version: it must load for ever, and the engine must still make it."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bot.kernel.canonical import readable_bytes
from bot.proposals.document import document_digest, from_document, to_document
from bot.proposals.policy import RISK_MODEL_VERSION
from tests.unit.proposals.proposal_facts import proposed

HERE = Path(__file__).parent
SCHEMA = HERE.parents[1] / "schemas" / "risk_proposal.schema.json"
FILES = sorted(HERE.glob("risk_proposal-*.json"))


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
