"""Documents of a made-up older release: read, brought up, and written anew by the next commit."""

from pathlib import Path

import pytest

from bot.kernel.errors import StateFileError
from bot.lifecycle.states import AssetState
from bot.storage.documents import MANAGED_STATE, checksum_of, read_document
from bot.storage.files.json_codec import decode_strict, encode
from bot.storage.home import Home
from bot.storage.process_info import this_process
from bot.storage.schema_check import product_schemas
from bot.storage.schema_upgrades import UPGRADES, Document, Upgrade, Upgrades, upgraded
from bot.storage.state_store import StateStore
from tests.fakes.fake_clock import FakeClock
from tests.fakes.sequential_ids import SequentialIds
from tests.fakes.storage_faults import add_asset, assert_all_agree, new_store


def first_to_second(document: Document) -> Document:
    """A made-up release called the coins `assets`."""
    document = dict(document)
    document["coins"] = document.pop("assets")
    return document


def second_to_third(document: Document) -> Document:
    document = dict(document)
    document["managed_assets"] = document.pop("coins")
    return document


MADE_UP: Upgrades = {
    ("managed_state", "old-1"): Upgrade("old-2", first_to_second),
    ("managed_state", "old-2"): Upgrade("recon-mh-1", second_to_third),
}


def as_old(raw: bytes) -> bytes:
    """Return the document as the made-up first release would have written it."""
    document = decode_strict(raw)
    document["assets"] = document.pop("managed_assets")
    document["_meta"]["schema_version"] = "old-1"
    document["_meta"]["checksum"] = checksum_of(document)
    return encode(document)


def old_home(root: Path) -> None:
    store = new_store(root)
    add_asset(store, "SOL")
    for path in (store.home.versions("managed_state") / "00000002.json", store.home.managed_state):
        raw = as_old(path.read_bytes())
        path.unlink()
        path.write_bytes(raw)
        path.chmod(0o440 if path.parent.name == "managed_state" else 0o600)


def open_with(root: Path, upgrades: Upgrades) -> StateStore:
    return StateStore(
        Home(root),
        clock=FakeClock(),
        ids=SequentialIds(100),
        writer=this_process("9.9.9"),
        environment="sandbox",
        upgrades=upgrades,
    )


def test_no_step_is_released_yet() -> None:
    assert dict(UPGRADES) == {}


def test_an_old_document_is_read_and_the_next_commit_writes_the_newest_form(tmp_path: Path) -> None:
    old_home(tmp_path / "home")
    store = open_with(tmp_path / "home", MADE_UP)
    before = store.read(MANAGED_STATE)
    assert before.content.state_of("SOL") is AssetState.FROZEN
    assert before.meta.schema_version == "recon-mh-1"
    add_asset(store, "ETH")
    newest = decode_strict(store.home.managed_state.read_bytes())
    assert newest["_meta"]["schema_version"] == "recon-mh-1"
    assert sorted(newest["managed_assets"]) == ["ETH", "SOL"]
    assert b"old-1" in (store.home.versions("managed_state") / "00000002.json").read_bytes()
    assert_all_agree(store)


def test_an_old_version_can_be_restored_because_the_audit_knows_its_content(tmp_path: Path) -> None:
    store = new_store(tmp_path / "home")
    add_asset(store, "SOL")
    add_asset(store, "ETH")
    assert list(store.kept(MANAGED_STATE, 2).content.managed_assets) == ["SOL"]


@pytest.mark.parametrize("upgrades", [{}, {("managed_state", "old-1"): MADE_UP["managed_state", "old-1"]}])
def test_a_version_to_which_no_way_leads_is_refused_by_name(tmp_path: Path, upgrades: Upgrades) -> None:
    old_home(tmp_path / "home")
    with pytest.raises(StateFileError, match="schema version is 'old-1'"):
        open_with(tmp_path / "home", upgrades).read(MANAGED_STATE)


def test_a_changed_old_document_is_refused_by_its_own_checksum(tmp_path: Path) -> None:
    old_home(tmp_path / "home")
    path = tmp_path / "home" / "state" / "managed_state.json"
    with pytest.raises(StateFileError, match="checksum"):
        read_document(
            MANAGED_STATE,
            path.read_bytes().replace(b"1.5", b"9.5"),
            path=path,
            schemas=product_schemas(),
            upgrades=MADE_UP,
        )


def test_steps_that_lead_in_a_circle_end() -> None:
    circle: Upgrades = {
        ("managed_state", "a"): Upgrade("b", lambda document: document),
        ("managed_state", "b"): Upgrade("a", lambda document: document),
    }
    assert upgraded("managed_state", {"_meta": {"schema_version": "a"}}, newest="c", upgrades=circle) is None
