"""Which versions stay, and what the pruning leaves behind."""

import datetime as dt
import os
from pathlib import Path

from bot.lifecycle.events import Event, EventType
from bot.storage.documents import MANAGED_STATE
from bot.storage.retention import (
    ALWAYS_KEPT,
    BYTES_KEPT,
    USUALLY_KEPT,
    Version,
    prunable,
    prune_versions,
    versions_in,
)
from tests.fakes.fake_clock import START, FakeClock
from tests.fakes.storage_faults import add_asset, assert_all_agree, new_store

NOW = START
LONG_AGO = NOW - dt.timedelta(days=400)


def old(count: int, *, size: int = 10) -> list[Version]:
    return [Version(serial=n, at=LONG_AGO, size=size) for n in range(1, count + 1)]


def kept(
    versions: list[Version], *, bytes_kept: int = BYTES_KEPT, incidents: tuple[int, ...] = ()
) -> list[int]:
    gone = set(prunable(versions, now=NOW, bytes_kept=bytes_kept, incidents=incidents))
    return [version.serial for version in versions if version.serial not in gone]


def test_the_newest_thousand_stay_and_the_oldest_go_first() -> None:
    versions = old(1_200)
    gone = prunable(versions, now=NOW)
    assert gone == list(range(1, 201))
    assert len(versions) - len(gone) == USUALLY_KEPT


def test_a_byte_limit_prunes_earlier_but_never_the_newest_hundred() -> None:
    assert len(kept(old(1_200, size=1_000), bytes_kept=500_000)) == 500
    assert len(kept(old(1_200, size=1_000), bytes_kept=1)) == ALWAYS_KEPT


def test_one_an_hour_stays_for_a_day_and_one_a_day_for_ninety() -> None:
    hours = [
        Version(serial=n, at=NOW - dt.timedelta(minutes=20 * (6_000 - n)), size=1) for n in range(1, 6_001)
    ]
    stay = kept(hours, bytes_kept=1)
    older = [version for version in hours if version.serial in stay and version.serial <= 5_900]
    last_day = [version for version in older if NOW - version.at <= dt.timedelta(days=1)]
    assert len({f"{version.at:%Y-%m-%dT%H}" for version in older}) == len(older)
    assert not last_day  # the newest hundred reach back further than a day here
    assert len(older) in {82, 83}  # 83 days, the newest of each


def test_hours_of_the_last_day_stay() -> None:
    minutes = [Version(serial=n, at=NOW - dt.timedelta(minutes=2_000 - n), size=1) for n in range(1, 2_001)]
    stay = [serial for serial in kept(minutes, bytes_kept=1) if serial <= 1_900]
    assert 22 <= len(stay) <= 26


def test_what_an_incident_refers_to_stays() -> None:
    assert {7, 8} <= set(kept(old(1_200), incidents=(7, 8)))


def test_nothing_goes_while_there_are_few() -> None:
    assert prunable(old(ALWAYS_KEPT), now=NOW, bytes_kept=1) == []


def test_a_pruned_home_is_whole_and_goes_on(tmp_path: Path) -> None:
    store = new_store(tmp_path / "home")
    for number in range(ALWAYS_KEPT + 20):
        add_asset(store, f"C{number}")
    with store.transaction() as work:
        event = Event(
            type=EventType.STATE_RESTORED,
            asset="*",
            actor="user_ann",
            command_id="c",
            data={"restored_from": 5},
        )
        work.record([event])
    folder = store.home.versions("managed_state")
    for path in folder.iterdir():
        os.utime(path, (LONG_AGO.timestamp(), LONG_AGO.timestamp()))
    removed = prune_versions(store.home, store.audit, clock=FakeClock(), bytes_kept=1)
    left = store.serials(MANAGED_STATE)
    assert removed == {"managed_state": 21}
    assert left[0] == 5
    assert left[1:] == list(range(left[1], left[1] + ALWAYS_KEPT))
    assert_all_agree(store)
    add_asset(store, "LAST")
    assert_all_agree(store)
    assert len(versions_in(store.home, MANAGED_STATE)) == ALWAYS_KEPT + 2


def test_a_version_missing_among_the_newest_hundred_is_still_told(tmp_path: Path) -> None:
    store = new_store(tmp_path / "home")
    for number in range(5):
        add_asset(store, f"C{number}")
    (store.home.versions("managed_state") / "00000003.json").unlink()
    assert [finding.what for finding in store.check() if finding.severity == "warning"] == [
        "The version after 2 is gone."
    ]
