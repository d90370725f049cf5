"""What generated readers and writers of Avro are made of: numbers and texts as bytes.

A number is a zigzag varint: it takes a byte for every seven bits, the lower ones first, and small
negative numbers take as few as small positive ones. A text is its length and its UTF-8 bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from librt.strings import BytesWriter

if TYPE_CHECKING:
    from mypy_extensions import i64

_LARGEST: Final = 0x7FFF_FFFF_FFFF_FFFF  # of 64 bits with a sign
_LEFT: Final = 0x01FF_FFFF_FFFF_FFFF  # the bits that a shift by 7 leaves of 64


class Malformed(ValueError):
    """Bytes or values are not what the schema says; the text names a field and never a value."""


def malformed(error: Exception, place: str) -> Malformed:
    """Say why a body cannot be read, where `error` was met at a place in it."""
    if isinstance(error, IndexError):
        return Malformed(f"the body ends before {place}")
    if isinstance(error, UnicodeDecodeError):
        return Malformed(f"{place} is not UTF-8")
    if place == "the end":
        return Malformed("bytes are left over or missing")
    return Malformed(f"{place} is malformed")


# ---- reading: of a buffer at a place, the value and the place after it


def read_long(b: bytes, at: i64) -> tuple[i64, i64]:
    """Read a number of at most 64 bits."""
    value: i64 = 0
    shift: i64 = 0
    byte: i64 = b[at]
    while byte > 127:
        value |= (byte & 127) << shift
        shift += 7
        at += 1
        byte = b[at]
        if shift == 63 and byte > 1:
            raise ValueError
    value |= byte << shift
    return value >> 1 & _LARGEST ^ -(value & 1), at + 1


def read_int(b: bytes, at: i64) -> tuple[i64, i64]:
    """Read a number of at most 32 bits."""
    value, at = read_long(b, at)
    if not -(1 << 31) <= value < 1 << 31:
        raise ValueError
    return value, at


def read_length(b: bytes, at: i64) -> tuple[i64, i64]:
    """Read how many bytes or items follow."""
    value, at = read_long(b, at)
    if value < 0:
        raise ValueError
    return value, at


# ---- writing


def write_long(w: BytesWriter, value: i64) -> None:
    """Write a number of at most 64 bits."""
    sign: i64 = value >> 63
    if sign not in (0, -1):
        raise OverflowError
    rest: i64 = value << 1 ^ sign
    while rest & ~127:
        byte: int = rest & 127 | 128
        w.append(byte)
        rest = rest >> 7 & _LEFT
    last: int = rest
    w.append(last)


def write_int(w: BytesWriter, value: i64) -> None:
    """Write a number of at most 32 bits."""
    if 0 <= value < 64:  # nearly all are, and take one byte
        only: int = value << 1
        w.append(only)
        return
    if not -(1 << 31) <= value < 1 << 31:
        raise OverflowError
    write_long(w, value)


def write_bytes(w: BytesWriter, value: bytes) -> None:
    """Write bytes behind their number."""
    size = len(value)
    if size < 64:
        w.append(size << 1)
    else:
        write_long(w, size)
    w.write(value)


def write_string(w: BytesWriter, value: str) -> None:
    """Write a text's bytes behind their number."""
    write_bytes(w, value.encode())


def write_boolean(w: BytesWriter, value: Any) -> None:
    """Write true or false."""
    if not isinstance(value, bool):
        raise TypeError
    w.append(1 if value else 0)
