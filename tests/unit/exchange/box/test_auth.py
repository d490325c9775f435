import hashlib
import hmac

import pytest

from bot.exchange.box.auth import check_key, check_signature, check_time
from bot.exchange.box.errors import ApiError

KEY, SECRET = "a" * 64, "s" * 64
NOW = 1_700_000_000_000


def signature_of(payload: bytes) -> str:
    return hmac.new(SECRET.encode(), payload, hashlib.sha256).hexdigest()


def test_a_signature_over_query_and_body_passes() -> None:
    signed = signature_of(b"symbol=SOLUSDTside=BUY")
    body = b"side=BUY&signature=" + signed.encode()
    check_signature(query=b"symbol=SOLUSDT", body=body, given=signed, secret=SECRET)


def test_a_signature_may_stand_first() -> None:
    signed = signature_of(b"&timestamp=1")
    check_signature(query=f"signature={signed}&timestamp=1".encode(), body=b"", given=signed, secret=SECRET)


def test_the_documented_example_of_the_exchange_passes() -> None:
    """The key pair and request of Binance's own documentation of signed endpoints."""
    known = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
    signed = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
    query = (
        "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1"
        f"&recvWindow=5000&timestamp=1499827319559&signature={signed}"
    )
    check_signature(query=query.encode(), body=b"", given=signed, secret=known)


@pytest.mark.parametrize("sent", [b"symbol=SOL%55SDT", b"symbol=SOLUSDT&", b"symbol=BTCUSDT"])
def test_other_bytes_than_were_signed_are_refused(sent: bytes) -> None:
    signed = signature_of(b"symbol=SOLUSDT")
    with pytest.raises(ApiError, match="Signature for this request is not valid") as refused:
        check_signature(query=sent, body=b"", given=signed, secret=SECRET)
    assert refused.value.code == -1022


def test_a_missing_signature_is_a_missing_parameter() -> None:
    with pytest.raises(ApiError, match="'signature'") as refused:
        check_signature(query=b"a=1", body=b"", given=None, secret=SECRET)
    assert refused.value.code == -1102


@pytest.mark.parametrize(
    ("key", "code"),
    [(None, -2014), ("short", -2014), ("b" * 64, -2015)],
    ids=["none", "malformed", "foreign"],
)
def test_a_wrong_key_is_named_as_such(key: str | None, code: int) -> None:
    with pytest.raises(ApiError) as refused:
        check_key(key, KEY)
    assert (refused.value.code, refused.value.status) == (code, 401)


@pytest.mark.parametrize(("age_ms", "window"), [(-999, None), (0, None), (5_000, None), (60_000, "60000")])
def test_a_timestamp_inside_its_window_passes(age_ms: int, window: str | None) -> None:
    params = {"timestamp": str(NOW - age_ms)} | ({"recvWindow": window} if window else {})
    check_time(params, NOW)


@pytest.mark.parametrize(
    ("params", "code", "text"),
    [
        ({"timestamp": str(NOW + 1_000)}, -1021, "1000ms ahead of the server's time"),
        ({"timestamp": str(NOW - 5_001)}, -1021, "outside of the recvWindow"),
        ({"timestamp": str(NOW), "recvWindow": "60001"}, -1131, "must be less than 60000"),
        ({"timestamp": str(NOW), "recvWindow": "x"}, -1100, "recvWindow"),
        ({}, -1102, "'timestamp'"),
    ],
)
def test_a_timestamp_outside_its_window_is_refused(params: dict[str, str], code: int, text: str) -> None:
    with pytest.raises(ApiError, match=text) as refused:
        check_time(params, NOW)
    assert refused.value.code == code
