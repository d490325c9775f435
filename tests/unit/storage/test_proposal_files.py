"""Proposals and their inputs are created once and never change (DR-12)."""

import contextlib
import errno
import gzip
import hashlib
import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bot.kernel.canonical import digest_without
from bot.kernel.errors import StateFileError, StateUnsureError, StateWriteError, StorageError, UsageError
from bot.storage.files.atomic_file import temp_files
from bot.storage.home import Home, create_home
from bot.storage.proposal_reader import list_proposal_ids, proposals_of, read_input, read_proposal
from bot.storage.proposal_writer import write_input, write_proposal
from bot.storage.schema_check import SchemaCheck
from tests.fakes.storage_faults import FailingOps, KillingOps, run_and_die


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return create_home(tmp_path / "home")


@pytest.fixture
def schemas(tmp_path: Path) -> SchemaCheck:
    """A schema of our own: this is about files, not about what a proposal says."""
    folder = tmp_path / "schemas"
    folder.mkdir()
    schema = {
        "type": "object",
        "required": ["proposal_id", "asset"],
        "properties": {"asset": {"type": "string"}},
    }
    (folder / "risk_proposal.schema.json").write_text(json.dumps(schema))
    return SchemaCheck(folder)


def _proposal(proposal_id: str = "sol-1", asset: str = "SOL") -> dict[str, Any]:
    document: dict[str, Any] = {"proposal_id": proposal_id, "asset": asset, "price": 1}
    return {**document, "digest": digest_without(document, "digest")}


def test_a_proposal_is_written_once_and_read_back(home: Home, schemas: SchemaCheck) -> None:
    first = write_proposal(home, _proposal(), schemas=schemas)
    path = home.proposals / "sol-1.json"
    inode = path.stat().st_ino
    assert write_proposal(home, _proposal(), schemas=schemas) == first
    assert (path.stat().st_ino, stat.S_IMODE(path.stat().st_mode)) == (inode, 0o440)
    assert read_proposal(home, "sol-1", schemas=schemas) == _proposal()


def test_a_written_proposal_is_never_overwritten(home: Home, schemas: SchemaCheck) -> None:
    write_proposal(home, _proposal(), schemas=schemas)
    before = (home.proposals / "sol-1.json").read_bytes()
    with pytest.raises(StorageError, match="never overwritten"):
        write_proposal(home, _proposal(asset="ETH"), schemas=schemas)
    assert (home.proposals / "sol-1.json").read_bytes() == before
    assert [path.name for path in home.proposals.iterdir() if path.is_file()] == ["sol-1.json"]


def test_a_wrong_digest_or_shape_is_not_written(home: Home, schemas: SchemaCheck) -> None:
    for wrong in ({**_proposal(), "digest": "0" * 64}, {**_proposal(), "asset": 1}):
        with pytest.raises(StateFileError) as refused:
            write_proposal(home, wrong, schemas=schemas)
        assert refused.value.code == "schema_invalid"
    assert list_proposal_ids(home) == []


@pytest.mark.parametrize("odd", ["../../etc/passwd", "a/b", "", "A", "x" * 65, "a.b"])
def test_an_odd_id_never_touches_a_path(home: Home, schemas: SchemaCheck, odd: str) -> None:
    with pytest.raises(UsageError):
        read_proposal(home, odd, schemas=schemas)
    with pytest.raises(UsageError):
        write_proposal(home, _proposal(odd), schemas=schemas)


@pytest.mark.parametrize(
    "edit",
    [
        lambda raw: raw.replace(b'"price": 1', b'"price": 2'),
        lambda raw: raw[: len(raw) // 2],
        lambda raw: raw.replace(b"SOL", b"ETH"),
        lambda _: b"",
    ],
)
def test_an_edited_proposal_is_refused(home: Home, schemas: SchemaCheck, edit: Any) -> None:
    write_proposal(home, _proposal(), schemas=schemas)
    path = home.proposals / "sol-1.json"
    path.chmod(0o600)
    path.write_bytes(edit(path.read_bytes()))
    with pytest.raises(StateFileError) as refused:
        read_proposal(home, "sol-1", schemas=schemas)
    assert refused.value.code == "proposal_file_invalid"


def test_a_proposal_under_a_foreign_name_is_refused(home: Home, schemas: SchemaCheck) -> None:
    write_proposal(home, _proposal(), schemas=schemas)
    (home.proposals / "sol-1.json").rename(home.proposals / "sol-2.json")
    with pytest.raises(StateFileError, match="It is the proposal sol-1"):
        read_proposal(home, "sol-2", schemas=schemas)
    with pytest.raises(StateFileError, match="no such file"):
        read_proposal(home, "sol-1", schemas=schemas)


def test_proposals_are_listed_by_asset(home: Home, schemas: SchemaCheck) -> None:
    for proposal_id, asset in (("b", "SOL"), ("a", "SOL"), ("c", "ETH")):
        write_proposal(home, _proposal(proposal_id, asset), schemas=schemas)
    assert list_proposal_ids(home) == ["a", "b", "c"]
    assert proposals_of(home, "SOL") == ["a", "b"]


def test_an_input_is_kept_under_the_digest_of_its_bytes(home: Home) -> None:
    sha256 = write_input(home, b'{"candles": []}')
    assert write_input(home, b'{"candles": []}') == sha256
    assert read_input(home, sha256) == b'{"candles": []}'
    assert [path.name for path in home.proposal_inputs.iterdir()] == [f"{sha256}.json.gz"]


def test_an_input_packed_by_another_release_is_fine(home: Home) -> None:
    sha256 = write_input(home, b"payload")
    path = home.proposal_inputs / f"{sha256}.json.gz"
    path.chmod(0o600)
    path.write_bytes(gzip.compress(b"payload", compresslevel=1, mtime=5))
    assert write_input(home, b"payload") == sha256


def test_engines_that_keep_one_input_at_the_same_time_keep_it_once(home: Home) -> None:
    with ThreadPoolExecutor(8) as engines:
        for number in range(50):
            payload = b"payload %d" % number
            kept = {done.result() for done in [engines.submit(write_input, home, payload) for _ in range(8)]}
            assert kept == {hashlib.sha256(payload).hexdigest()}
    assert not temp_files(home.proposal_inputs)


@pytest.mark.parametrize(
    "damage",
    [b"", b"junk", gzip.compress(b"other", mtime=0), gzip.compress(b"payload", mtime=0)[:-4]],
    ids=["empty", "junk", "other", "cut_off"],  # packed bytes as names would differ between processes
)
def test_a_damaged_input_is_refused(home: Home, damage: bytes) -> None:
    sha256 = write_input(home, b"payload")
    path = home.proposal_inputs / f"{sha256}.json.gz"
    path.chmod(0o600)
    path.write_bytes(damage)
    with pytest.raises(StateFileError):
        read_input(home, sha256)
    with pytest.raises(StateWriteError, match="damaged"):
        write_input(home, b"payload")


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC], ids=["EIO", "ENOSPC"])
def test_an_error_at_any_call_leaves_no_proposal_or_the_whole_one(
    home: Home, schemas: SchemaCheck, number: int
) -> None:
    for at in range(20):
        ops = FailingOps(at, number)
        with contextlib.suppress(StateWriteError, StateUnsureError):
            write_proposal(home, _proposal(f"p-{at}"), schemas=schemas, file_ops=ops)
        if f"p-{at}" in list_proposal_ids(home):
            assert read_proposal(home, f"p-{at}", schemas=schemas) == _proposal(f"p-{at}")
        write_proposal(home, _proposal(f"p-{at}"), schemas=schemas)
        if ops.failed is None:
            break
    assert 6 < at < 19


def test_a_killed_writer_leaves_no_proposal_or_the_whole_one_and_its_temp_file_is_swept(
    home: Home, schemas: SchemaCheck
) -> None:
    for at in range(20):
        proposal = _proposal(f"p-{at}")
        ops = KillingOps(at)
        if not run_and_die(partial(write_proposal, home, proposal, schemas=schemas, file_ops=ops)):
            break
        if f"p-{at}" in list_proposal_ids(home):
            assert read_proposal(home, f"p-{at}", schemas=schemas) == proposal
        write_proposal(home, proposal, schemas=schemas)
        assert temp_files(home.proposals) == ()
    assert 6 < at < 19


def test_the_temp_file_of_a_living_writer_is_left_alone(home: Home, schemas: SchemaCheck) -> None:
    mine = home.proposals / f".p-1.json.{os.getpid()}.0123abcd.tmp"
    mine.write_bytes(b"half")
    write_proposal(home, _proposal("p-1"), schemas=schemas)
    assert mine.exists()
