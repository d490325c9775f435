"""Who signed an action of Hyperliquid's: recovered from the signature, as the exchange does it.

Written from the standards (EIP-712, secp256k1) and not with the client's own code, so that a wrong
signature of the client's is seen. Only hashing and packing are the client library's.
"""

from typing import Any

from ccxt.static_dependencies import keccak
from ccxt.static_dependencies.msgpack import packb

_P = 2**256 - 2**32 - 977
_N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_G = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)
_CHAIN = 1337
TESTNET_SOURCE, MAINNET_SOURCE = "b", "a"

Point = tuple[int, int] | None


def signer_of(
    action: object,
    nonce: int,
    signature: dict[str, Any],
    expires: int | None,
    *,
    source: str = TESTNET_SOURCE,
) -> str:
    """Return the address whose key signed the action, in lower case."""
    message = packb(action) + nonce.to_bytes(8, "big") + b"\x00"
    if expires is not None:
        message += b"\x00" + expires.to_bytes(8, "big")
    point = _recover(_digest(_keccak(message), source), signature)
    return "0x" + _keccak(_bytes(point[0]) + _bytes(point[1]))[-20:].hex()


def address_of(private_key: str) -> str:
    """Return the address of a private key (hex), in lower case."""
    point = _times(int(private_key, 16), _G)
    assert point is not None
    return "0x" + _keccak(_bytes(point[0]) + _bytes(point[1]))[-20:].hex()


def _digest(action_hash: bytes, source: str) -> bytes:
    kind = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    domain = _keccak(
        _keccak(kind) + _keccak(b"Exchange") + _keccak(b"1") + _CHAIN.to_bytes(32, "big") + bytes(32)
    )
    agent = _keccak(
        _keccak(b"Agent(string source,bytes32 connectionId)") + _keccak(source.encode()) + action_hash
    )
    return _keccak(b"\x19\x01" + domain + agent)


def _recover(digest: bytes, signature: dict[str, Any]) -> tuple[int, int]:
    r, s, v = int(signature["r"], 16), int(signature["s"], 16), int(signature["v"])
    y = pow(r**3 + 7, (_P + 1) // 4, _P)
    if y % 2 != (v - 27) % 2:
        y = _P - y
    inverse = pow(r, -1, _N)
    point = _plus(_times(s * inverse % _N, (r, y)), _times(-int.from_bytes(digest, "big") * inverse % _N, _G))
    assert point is not None
    return point


def _plus(a: Point, b: Point) -> Point:
    if a is None or b is None:
        return a or b
    if a[0] == b[0] and (a[1] + b[1]) % _P == 0:
        return None
    rise, run = (3 * a[0] ** 2, 2 * a[1]) if a == b else (b[1] - a[1], b[0] - a[0])
    slope = rise * pow(run, -1, _P)
    x = (slope**2 - a[0] - b[0]) % _P
    return x, (slope * (a[0] - x) - a[1]) % _P


def _times(factor: int, point: Point) -> Point:
    result: Point = None
    while factor:
        if factor & 1:
            result = _plus(result, point)
        point, factor = _plus(point, point), factor >> 1
    return result


def _keccak(data: bytes) -> bytes:
    return bytes(keccak.SHA3(data))


def _bytes(number: int) -> bytes:
    return number.to_bytes(32, "big")
