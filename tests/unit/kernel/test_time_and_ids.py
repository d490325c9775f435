"""Times are aware and UTC; names of things are safe as parts of file names and orders."""

import datetime as dt
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.kernel.clock import from_iso, from_millis, iso_z, to_millis, to_utc
from bot.kernel.ids import (
    CLIENT_ORDER_ID_PATTERN,
    base_of,
    client_order_id,
    is_asset,
    is_id,
    pair_of,
)

NOON = dt.datetime(2026, 5, 3, 12, tzinfo=dt.UTC)
BERLIN = dt.timezone(dt.timedelta(hours=2))
ASSETS = st.from_regex(re.compile(r"[A-Z0-9]{1,20}", re.ASCII), fullmatch=True)


def test_a_time_is_told_in_utc_with_z() -> None:
    assert iso_z(NOON) == "2026-05-03T12:00:00Z"
    assert iso_z(NOON.replace(microsecond=5).astimezone(BERLIN)) == "2026-05-03T12:00:00.000005Z"


@pytest.mark.parametrize("naive", ["2026-05-03T12:00:00", "2026-05-03"])
def test_a_naive_time_is_refused(naive: str) -> None:
    with pytest.raises(ValueError, match="naive"):
        from_iso(naive)
    with pytest.raises(ValueError, match="naive"):
        to_utc(NOON.replace(tzinfo=None))


@given(st.datetimes(timezones=st.just(dt.UTC)))
def test_a_time_survives_being_written(moment: dt.datetime) -> None:
    assert from_iso(iso_z(moment)) == moment


@given(st.integers(-(10**12), 10**13))
def test_milliseconds_survive_exactly(milliseconds: int) -> None:
    assert to_millis(from_millis(milliseconds)) == milliseconds


def test_milliseconds_are_rounded_down() -> None:
    assert to_millis(from_millis(-1) + dt.timedelta(microseconds=999)) == -1


@pytest.mark.parametrize("name", ["SOL", "1INCH", "A" * 20])
def test_an_asset_is_upper_case_letters_and_digits(name: str) -> None:
    assert is_asset(name)


@pytest.mark.parametrize("name", ["", "sol", "SOL\n", "A" * 21, "SOL/USDT", "../X", "*", "SÖL", "S L"])
def test_anything_else_is_no_asset(name: str) -> None:
    assert not is_asset(name)


@pytest.mark.parametrize("name", ["", "A", "a" * 65, "a/b", "..", "a.b", "a\n", "a_b"])
def test_an_id_is_safe_as_a_part_of_a_file_name(name: str) -> None:
    assert not is_id(name)
    assert is_id("00000000-0000-4000-8000-000000000001")


@given(ASSETS, ASSETS)
def test_a_pair_names_its_base(base: str, quote: str) -> None:
    assert base_of(pair_of(base, quote)) == base


@given(lineage=st.text(max_size=64), asset=ASSETS, opened_by=st.text(max_size=64))
def test_an_order_id_fits_the_exchange_and_names_the_coin(lineage: str, asset: str, opened_by: str) -> None:
    made = client_order_id(lineage=lineage, asset=asset, opened_by=opened_by)
    assert re.fullmatch(CLIENT_ORDER_ID_PATTERN, made)
    assert made.startswith(f"mh-{asset[:8]}-")


def test_one_intent_has_one_order_id_and_another_intent_another() -> None:
    told = {"lineage": "l1", "asset": "SOL", "opened_by": "c1"}
    made = client_order_id(**told)
    assert made == client_order_id(**told)
    for name, value in {"lineage": "l2", "asset": "SOLX", "opened_by": "c2"}.items():
        assert client_order_id(**told | {name: value}) != made
