"""Versions that follow on our own last one are the same, byte for byte, as versions made whole."""

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.lifecycle.documents import ManagedAsset, ManagedStateContent
from bot.lifecycle.states import AssetState
from bot.storage.commit import UnreadableContentError
from bot.storage.documents import MANAGED_STATE, AppliedCommand, build_document, read_document
from bot.storage.schema_check import product_schemas
from bot.storage.state_store import StateStore
from tests.fakes.storage_faults import add_asset, assert_all_agree, new_store, open_store

CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["SOL", "ETH", "BTC", "ADA"]),
        st.one_of(st.none(), st.decimals(min_value="0.000000000001", max_value=10**9, places=12)),
        st.sampled_from(["ours", "another process"]),
    ),
    min_size=3,
    max_size=8,
)


@pytest.fixture
def store(tmp_path: Path) -> StateStore:
    return new_store(tmp_path / "home")


def commit(store: StateStore, content: ManagedStateContent, uid: str) -> None:
    outcome = {"state": "applied", "detail": {"free": Decimal("0.00000001"), "text": "1E5 é"}}
    with store.transaction() as work:
        command = AppliedCommand(uid=uid, digest="d", outcome=outcome)
        work.commit(MANAGED_STATE, content, commands=[command], events=[])


def content(store: StateStore) -> ManagedStateContent:
    with store.transaction() as work:
        return work.current(MANAGED_STATE).content


def with_quantity(store: StateStore, asset: str, quantity: Decimal) -> ManagedStateContent:
    entry = ManagedAsset(state=AssetState.FROZEN, requested_quantity=quantity)
    return ManagedStateContent(managed_assets={**content(store).managed_assets, asset: entry})


def assert_made_whole_it_is_the_same(store: StateStore) -> None:
    path = store.home.public("managed_state")
    raw = path.read_bytes()
    read = read_document(MANAGED_STATE, raw, path=path, schemas=product_schemas())
    assert build_document(MANAGED_STATE, read.content, read.meta) == raw
    with store.transaction() as work:
        assert work.current(MANAGED_STATE) == read
    assert open_store(store.home.root).read(MANAGED_STATE) == read


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(changes=CHANGES)
def test_whatever_changes_a_version_is_the_same_as_one_made_whole(
    changes: list[tuple[str, Decimal | None, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = new_store(tmp_path_factory.mktemp("parts") / "home")
    other = open_store(store.home.root)
    for number, (asset, quantity, who) in enumerate(changes):
        writer = store if who == "ours" else other
        if quantity is None:
            rest = {name: entry for name, entry in content(writer).managed_assets.items() if name != asset}
            changed = ManagedStateContent(managed_assets=rest)
        else:
            changed = with_quantity(writer, asset, quantity)
        commit(writer, changed, f"c{number}")
        assert_made_whole_it_is_the_same(store)
    assert_all_agree(store)


def test_what_did_not_change_is_not_read_anew(store: StateStore) -> None:
    for asset in ("SOL", "ETH", "BTC"):
        add_asset(store, asset)
    before = content(store).managed_assets
    add_asset(store, "ADA")
    after = content(store).managed_assets
    assert [after[asset] is before[asset] for asset in ("SOL", "ETH", "BTC")] == [True] * 3
    assert_made_whole_it_is_the_same(store)


def test_only_what_changed_is_read_anew(store: StateStore) -> None:
    for asset in ("SOL", "ETH", "BTC"):
        add_asset(store, asset)
    before = content(store).managed_assets
    commit(store, with_quantity(store, "ETH", Decimal("2.5")), "more")
    after = content(store).managed_assets
    assert {asset for asset in after if after[asset] is before[asset]} == {"SOL", "BTC"}
    assert after["ETH"].requested_quantity == Decimal("2.5")
    assert_made_whole_it_is_the_same(store)


def test_an_outcome_that_is_not_in_a_readers_form_is_brought_into_it(store: StateStore) -> None:
    for asset in ("SOL", "ETH", "BTC"):
        add_asset(store, asset)
    with store.transaction() as work:
        outcome = {"state": "applied", "detail": {"free": Decimal("-0"), "none": Decimal("0E-9")}}
        command = AppliedCommand(uid="odd", digest="d", outcome=outcome)
        work.commit(MANAGED_STATE, work.current(MANAGED_STATE).content, commands=[command], events=[])
    assert_made_whole_it_is_the_same(store)
    add_asset(store, "ADA")
    assert_made_whole_it_is_the_same(store)


def test_an_equal_value_that_is_another_object_is_written_anew_digit_by_digit(store: StateStore) -> None:
    for quantity in ("1.5", "1.5", "1.50"):
        commit(store, with_quantity(store, "SOL", Decimal(quantity)), f"q{store.serials(MANAGED_STATE)[-1]}")
        assert str(content(store).managed_assets["SOL"].requested_quantity) == quantity
        assert_made_whole_it_is_the_same(store)


def test_what_is_not_in_a_readers_form_is_brought_into_it(store: StateStore) -> None:
    for asset in ("SOL", "ETH", "BTC"):
        add_asset(store, asset)
    odd = ManagedAsset(state=AssetState.FROZEN, atr=Decimal("-0"))
    commit(store, ManagedStateContent(managed_assets={**content(store).managed_assets, "ADA": odd}), "zero")
    assert str(content(store).managed_assets["ADA"].atr) == "0"
    assert_made_whole_it_is_the_same(store)
    add_asset(store, "XRP")
    assert_made_whole_it_is_the_same(store)


@pytest.mark.parametrize("wrong", [Decimal("NaN"), Decimal(-1)])
def test_what_no_reader_would_accept_is_refused_and_the_next_version_is_right(
    store: StateStore, wrong: Decimal
) -> None:
    for asset in ("SOL", "ETH", "BTC"):
        add_asset(store, asset)
    with pytest.raises(UnreadableContentError):
        commit(store, with_quantity(store, "ADA", wrong), "wrong")
    assert set(content(store).managed_assets) == {"SOL", "ETH", "BTC"}
    add_asset(store, "ADA")
    assert_made_whole_it_is_the_same(store)
    assert_all_agree(store)


def test_a_name_that_no_schema_allows_is_refused(store: StateStore) -> None:
    for asset in ("SOL", "ETH"):
        add_asset(store, asset)
    with pytest.raises(UnreadableContentError, match="managed_assets"):
        commit(store, with_quantity(store, "no coin", Decimal(1)), "wrong")


def test_a_command_of_before_keeps_its_outcome(store: StateStore) -> None:
    for asset in ("SOL", "ETH", "BTC"):
        add_asset(store, asset)
    with store.transaction() as work:
        known = work.current(MANAGED_STATE).meta.applied
    assert list(known) == ["add-sol", "add-eth", "add-btc"]
    assert all(msgspec.to_builtins(entry.outcome) == {"state": "applied"} for entry in known.values())
