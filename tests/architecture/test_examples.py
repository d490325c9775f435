"""The example files of the documentation are real state files, one for each state."""

from pathlib import Path

import pytest

from bot.lifecycle.states import AssetState
from bot.storage.documents import MANAGED_STATE, read_document
from bot.storage.files.json_codec import decode_strict
from bot.storage.schema_check import product_schemas
from docs.examples import COIN, comparable, example_files, file_name
from docs.generate import DOCS


def example(state: AssetState) -> Path:
    return DOCS / file_name(state)


@pytest.mark.parametrize("state", AssetState)
def test_an_example_is_a_whole_and_valid_state_file(state: AssetState) -> None:
    raw = example(state).read_bytes()
    assert product_schemas().problems("managed_state", decode_strict(raw)) == ()
    content = read_document(MANAGED_STATE, raw, path=example(state), schemas=product_schemas()).content
    assert content.managed_assets[COIN].state is state


@pytest.mark.parametrize("state", AssetState)
def test_an_example_says_what_the_bot_writes_today(state: AssetState) -> None:
    kept = example(state).read_text(encoding="utf-8")
    assert comparable(kept) == comparable(example_files()[state]), "run: make docs"


def test_there_is_no_example_of_a_state_that_is_gone() -> None:
    assert {path.name for path in example(AssetState.FROZEN).parent.iterdir()} == {
        example(state).name for state in AssetState
    }


def test_an_edited_example_is_not_a_state_file(tmp_path: Path) -> None:
    raw = example(AssetState.MANAGED_ACTIVE).read_bytes()
    edited = raw.replace(b'"approved_quantity": 1', b'"approved_quantity": 2')
    assert edited != raw
    with pytest.raises(Exception, match="checksum"):
        read_document(MANAGED_STATE, edited, path=tmp_path / "x.json", schemas=product_schemas())
