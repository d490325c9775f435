"""The circuit breaker's memory, kept over restarts: an exchange that failed before a restart still did.

It decides about purchases only (exits and a person's decisions pass an open circuit), so a file that cannot
be written or read is no reason to stop anything: the breaker then begins closed, and learns anew.
"""

import contextlib
import datetime as dt
from typing import Any

import msgspec

from bot.exchange.guards import BreakerState, Circuit
from bot.kernel.errors import StateFileError, StateWriteError
from bot.storage.files.atomic_file import replace_quickly
from bot.storage.files.file_ops import FileOps
from bot.storage.files.json_codec import encode
from bot.storage.home import FILE_MODE, Home
from bot.storage.private_files import read_json


def read_circuit(home: Home) -> BreakerState | None:
    """Return what the breaker last was, or None where nobody knows."""
    try:
        return msgspec.convert(read_json(home.circuit), BreakerState | None)
    except (StateFileError, msgspec.ValidationError):
        return None


def keep_circuit(home: Home, state: BreakerState) -> None:
    """Keep the breaker's state for later processes and for screens."""
    with contextlib.suppress(StateWriteError):
        replace_quickly(FileOps(), home.circuit, encode(msgspec.to_builtins(state)), FILE_MODE)


def circuit_view(home: Home, now: dt.datetime) -> dict[str, Any] | None:
    """Return what a screen shows of a circuit that is not closed, or None."""
    state = read_circuit(home)
    if state is None or state.circuit is Circuit.CLOSED:
        return None
    return {
        "circuit": state.circuit.value,
        "since": state.since,
        "age_s": round(max(0.0, (now - state.since).total_seconds()), 1),
        "failures": len(state.failures),
        "blocks": "purchases",
    }
