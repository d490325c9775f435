"""One real file of each released version of each document: it must load for ever."""

from pathlib import Path

import pytest

from bot.storage.documents import ALL_KINDS, build_document, read_document
from bot.storage.files.json_codec import decode_strict
from bot.storage.schema_check import product_schemas

HERE = Path(__file__).parent
KINDS = {kind.name: kind for kind in ALL_KINDS}
FILES = sorted(path for name in KINDS for path in HERE.glob(f"{name}-*.json"))


def test_every_document_has_a_golden_file_of_its_newest_version() -> None:
    names = {path.name for path in FILES}
    assert {f"{kind.name}-{kind.schema_version}.json" for kind in ALL_KINDS} <= names


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_released_file_still_loads(path: Path) -> None:
    kind = KINDS[path.name.split("-")[0]]
    raw = path.read_bytes()
    snapshot = read_document(kind, raw, path=path, schemas=product_schemas(), environment="sandbox")
    assert snapshot.meta.serial > 1
    if decode_strict(raw)["_meta"]["schema_version"] == kind.schema_version:
        assert build_document(kind, snapshot.content, snapshot.meta) == raw
    else:
        assert snapshot.meta.schema_version == kind.schema_version


def test_the_golden_state_tells_of_all_kinds_of_coins() -> None:
    path = HERE / "managed_state-recon-mh-1.json"
    kind = KINDS["managed_state"]
    content = read_document(kind, path.read_bytes(), path=path, schemas=product_schemas()).content
    states = {name: entry.state.value for name, entry in content.managed_assets.items()}
    assert states == {"DOGE": "risk_proposed", "ETH": "managed_paused", "SOL": "exit_executed"}
