"""A certificate of an authority that nobody knows, for a TLS server on loopback: made anew, kept nowhere."""

from __future__ import annotations

import base64
import hashlib
import secrets
from pathlib import Path

# NIST P-256.
_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_POINT = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
Point = tuple[int, int]


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a certificate for 127.0.0.1 that vouches for itself, and its key; gives the two paths."""
    key = secrets.randbelow(_ORDER - 1) + 1
    public = b"\x04" + b"".join(part.to_bytes(32, "big") for part in _times(key, _POINT))
    name = _sequence(_tagged(0x31, _sequence(_oid("55 04 03"), _tagged(0x0C, b"povo-tests"))))
    curve = _sequence(_oid("2a 86 48 ce 3d 02 01"), _oid("2a 86 48 ce 3d 03 01 07"))
    by_ecdsa = _sequence(_oid("2a 86 48 ce 3d 04 03 02"))
    is_authority = _sequence(_oid("55 1d 13"), _tagged(0x04, _sequence(_tagged(0x01, b"\xff"))))
    address = _sequence(_oid("55 1d 11"), _tagged(0x04, _sequence(_tagged(0x87, bytes([127, 0, 0, 1])))))
    body = _sequence(
        _tagged(0xA0, _integer(2)),
        _integer(secrets.randbits(64)),
        by_ecdsa,
        name,
        _sequence(_tagged(0x17, b"200101000000Z"), _tagged(0x17, b"491231000000Z")),
        name,
        _sequence(curve, _bits(public)),
        _tagged(0xA3, _sequence(is_authority, address)),
    )
    certificate = _sequence(body, by_ecdsa, _bits(_signature(key, body)))
    private = _sequence(
        _integer(1),
        _tagged(0x04, key.to_bytes(32, "big")),
        _tagged(0xA0, _oid("2a 86 48 ce 3d 03 01 07")),
        _tagged(0xA1, _bits(public)),
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    for path, label, data in zip(paths, ("CERTIFICATE", "EC PRIVATE KEY"), (certificate, private), strict=True):
        text = base64.encodebytes(data).decode()
        path.write_text(f"-----BEGIN {label}-----\n{text}-----END {label}-----\n", encoding="ascii")
    return paths


def _signature(key: int, data: bytes) -> bytes:
    digest = int.from_bytes(hashlib.sha256(data).digest(), "big")
    once = secrets.randbelow(_ORDER - 1) + 1
    r = _times(once, _POINT)[0] % _ORDER
    return _sequence(_integer(r), _integer(pow(once, -1, _ORDER) * (digest + r * key) % _ORDER))


def _times(number: int, point: Point) -> Point:
    found: Point | None = None
    while number:
        if number & 1:
            found = point if found is None else _sum(found, point)
        point, number = _sum(point, point), number >> 1
    assert found is not None
    return found


def _sum(one: Point, other: Point) -> Point:
    if one == other:
        slope = (3 * one[0] ** 2 - 3) * pow(2 * one[1], -1, _P)
    else:
        slope = (other[1] - one[1]) * pow(other[0] - one[0], -1, _P)
    x = (slope**2 - one[0] - other[0]) % _P
    return x, (slope * (one[0] - x) - one[1]) % _P


def _tagged(tag: int, value: bytes) -> bytes:
    size = len(value)
    if size < 128:
        return bytes([tag, size]) + value
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 128 + len(length)]) + length + value


def _sequence(*parts: bytes) -> bytes:
    return _tagged(0x30, b"".join(parts))


def _integer(number: int) -> bytes:
    return _tagged(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def _oid(encoded: str) -> bytes:
    return _tagged(0x06, bytes.fromhex(encoded))


def _bits(value: bytes) -> bytes:
    return _tagged(0x03, b"\0" + value)
