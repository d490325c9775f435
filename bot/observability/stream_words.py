"""The streams' state in one line for people."""

from collections.abc import Iterable, Mapping
from typing import Any


def stream_words(streams: Iterable[Mapping[str, Any]]) -> str:
    """Return how each stream is; empty where the exchange has none."""
    return "; ".join(_words(stream) for stream in streams)


def _words(stream: Mapping[str, Any]) -> str:
    gaps = stream["gaps"]
    lost = f", lost {gaps} times" if gaps > 1 else ", lost once" if gaps else ""
    if stream["trouble"]:
        return f"{stream['kind']} stream DOWN{lost} ({stream['trouble']})"
    if stream["live_since"] is None:
        return f"{stream['kind']} stream has nothing to follow"
    age_s = stream["last_event_age_s"]
    heard = "nothing told yet" if age_s is None else f"last told {age_s:.0f} s ago"
    return f"{stream['kind']} stream live, {heard}{lost}"
