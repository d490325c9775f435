"""Who may ask: key, time window, signature. The signature covers the bytes exactly as received.

Parameters may come in the query, in the form body, or in both; what is signed is the query string
followed by the body, without the signature itself.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping

from bot.exchange.box import errors

DEFAULT_WINDOW_MS = 5_000
LARGEST_WINDOW_MS = 60_000
_MOST_AHEAD_MS = 1_000

_KEY = re.compile(r"[A-Za-z0-9]{64}", re.ASCII)
_SIGNATURE = re.compile(rb"(?:^|&)signature=[^&]*")
_INTEGER = re.compile(r"[0-9]{1,18}", re.ASCII)


def check_key(given: str | None, expected: str) -> None:
    """Let the right API key pass.

    Raises:
        ApiError: -2014 for no key or a malformed one, -2015 for a foreign one.
    """
    if given is None or (_KEY.fullmatch(given) is None and given != expected):
        raise errors.key_malformed()
    if not hmac.compare_digest(given, expected):
        raise errors.key_unknown()


def check_time(params: Mapping[str, str], now_ms: int) -> None:
    """Let a request pass whose timestamp lies in its window, at most one second ahead.

    Raises:
        ApiError: -1021 outside, -1102 without a timestamp, -1131 for a window above 60 s.
    """
    stamp = params.get("timestamp", "")
    if _INTEGER.fullmatch(stamp) is None:
        raise errors.mandatory("timestamp")
    window_text = params.get("recvWindow", str(DEFAULT_WINDOW_MS))
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,3})?", window_text) is None:
        raise errors.illegal_characters("recvWindow", "^[0-9]{1,5}(\\.[0-9]{1,3})?$")
    window_ms = int(window_text.partition(".")[0])
    if window_ms > LARGEST_WINDOW_MS:
        raise errors.invalid_parameter("recvWindow")
    if int(stamp) >= now_ms + _MOST_AHEAD_MS:
        raise errors.timestamp_ahead()
    if now_ms - int(stamp) > window_ms:
        raise errors.timestamp_old()


def check_signature(*, query: bytes, body: bytes, given: str | None, secret: str) -> None:
    """Let a request pass whose signature fits its raw bytes.

    Raises:
        ApiError: -1102 without a signature, -1022 for a wrong one.
    """
    if not given:
        raise errors.mandatory("signature")
    payload = _SIGNATURE.sub(b"", query) + _SIGNATURE.sub(b"", body)
    expected = hmac.new(secret.encode(), payload, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(given.lower().encode(), expected.encode()):
        raise errors.bad_signature()
