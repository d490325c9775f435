"""Reading proposals: strict, with schema and digest checked every time (DR-12)."""

import gzip
import hashlib
import zlib
from pathlib import Path
from typing import Any

from bot.kernel.canonical import digest_without
from bot.kernel.errors import StateFileError, UsageError
from bot.kernel.ids import is_id
from bot.storage.files.json_codec import SIZE_LIMIT_BYTES, NotStrictJsonError, decode_strict
from bot.storage.home import Home
from bot.storage.schema_check import SchemaCheck, product_schemas

PROPOSAL_SCHEMA = "risk_proposal"
_SHA256_LENGTH = 64


def proposal_path(home: Home, proposal_id: str) -> Path:
    """Return a proposal's file.

    Raises:
        UsageError: The text cannot be an id, so it never touches a path.
    """
    if not is_id(proposal_id):
        raise UsageError(f"{proposal_id!r} is no proposal id.", fix="bot proposals ls")
    return home.proposals / f"{proposal_id}.json"


def input_path(home: Home, sha256: str) -> Path:
    """Return the file of an input.

    Raises:
        UsageError: The text is no SHA-256.
    """
    if len(sha256) != _SHA256_LENGTH or set(sha256) - set("0123456789abcdef"):
        raise UsageError(f"{sha256!r} is no SHA-256 of an input.")
    return home.proposal_inputs / f"{sha256}.json.gz"


def read_proposal(home: Home, proposal_id: str, *, schemas: SchemaCheck | None = None) -> dict[str, Any]:
    """Return a proposal's document, Decimals kept.

    Raises:
        UsageError: The text is no id.
        StateFileError: `proposal_file_invalid`: missing, damaged, edited or under a foreign name.
    """
    path = proposal_path(home, proposal_id)
    try:
        raw = path.read_bytes()
        document = decode_strict(raw)
    except FileNotFoundError as error:
        raise _invalid(path, "There is no such file.") from error
    except OSError as error:
        raise _invalid(path, f"{error.strerror or error}.") from error
    except NotStrictJsonError as error:
        raise _invalid(path, f"It is no strict JSON: {error}.") from error
    try:
        (schemas or product_schemas()).check(PROPOSAL_SCHEMA, document, path=path, raw=raw)
    except StateFileError as error:
        raise _invalid(path, error.why) from error
    expected = digest_without(document, "digest")
    if document.get("digest") != expected:
        raise _invalid(path, f"Its digest says {document.get('digest')}, its content gives {expected}.")
    if document.get("proposal_id") != proposal_id:
        raise _invalid(path, f"It is the proposal {document.get('proposal_id')}.")
    return dict(document)


def proposal_bytes(home: Home, proposal_id: str) -> bytes:
    """Return a proposal's file as it lies there, unchecked.

    Raises:
        UsageError: The text is no id.
        StateFileError: `proposal_file_invalid`: it cannot be read.
    """
    path = proposal_path(home, proposal_id)
    try:
        return path.read_bytes()
    except OSError as error:
        raise _invalid(path, f"{error.strerror or error}.") from error


def list_proposal_ids(home: Home) -> list[str]:
    """Return the ids of all proposal files, sorted."""
    if not home.proposals.is_dir():
        return []
    return sorted(path.stem for path in home.proposals.glob("*.json") if is_id(path.stem))


def proposals_of(home: Home, asset: str) -> list[str]:
    """Return the ids of the asset's proposals, sorted; files that cannot be read do not count."""
    found = []
    for proposal_id in list_proposal_ids(home):
        try:
            document = decode_strict(proposal_path(home, proposal_id).read_bytes())
        except (OSError, NotStrictJsonError):
            continue
        if isinstance(document, dict) and document.get("asset") == asset:
            found.append(proposal_id)
    return found


def read_input(home: Home, sha256: str) -> bytes:
    """Return what a proposal was computed from.

    Raises:
        UsageError: The text is no SHA-256.
        StateFileError: `proposal_file_invalid`: missing or damaged.
    """
    path = input_path(home, sha256)
    try:
        with gzip.open(path, "rb") as file:
            payload = file.read(SIZE_LIMIT_BYTES + 1)
    except FileNotFoundError as error:
        raise _invalid(path, "There is no such file.") from error
    except (OSError, EOFError, zlib.error) as error:
        raise _invalid(path, f"It cannot be unpacked: {error}.") from error
    if hashlib.sha256(payload).hexdigest() != sha256:
        raise _invalid(path, "Its content does not give its name.")
    return payload


def holds_input(home: Home, sha256: str) -> bool:
    """Say whether the input is there and whole."""
    try:
        read_input(home, sha256)
    except StateFileError:
        return False
    return True


def _invalid(path: Path, why: str) -> StateFileError:
    return StateFileError(f"{path} cannot be trusted.", code="proposal_file_invalid", why=why)
