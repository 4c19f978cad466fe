"""Small files that take long to decode, and ordinary files that look a little like them."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from PIL import Image

from tests.unit.data.image_cases import (
    JPEG,
    PICTURE,
    QUANTIZED,
    Case,
    accepted,
    encode,
    png_chunk,
    refused,
)

_GIF = encode(QUANTIZED, "GIF")
_GIF_IMAGE = _GIF.rfind(b",\0\0\0\0")
_PNG = encode(PICTURE, "PNG")
_PNG_IDAT = _PNG.find(b"IDAT") - 4
_PNG_IEND = len(_PNG) - 12


def scans(side: int, number: int, *, between: bytes = b"", progressive: bool = True) -> bytes:
    """A JPEG file whose last scan comes again and again."""
    plain = encode(Image.new("L", (side, side)), progressive=progressive, quality=1)
    scan = plain[plain.rfind(b"\xff\xda") : -2]
    return plain[:-2] + number * (between + scan) + plain[-2:]


def tiff_of_jpeg(jpeg: bytes, side: int) -> bytes:
    """A grey TIFF file whose only strip is a JPEG file."""
    tags = [(256, side), (257, side), (258, 8), (259, 7), (262, 1), (273, 8), (277, 1), (278, side), (279, len(jpeg))]
    fields = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<I", 8 + len(jpeg)) + jpeg + struct.pack("<H", len(tags)) + fields + bytes(4)


def in_jpeg(segments: bytes) -> bytes:
    return JPEG[:2] + segments + JPEG[2:]


def in_gif(blocks: bytes) -> bytes:
    """A GIF file with blocks before its picture."""
    return _GIF[:_GIF_IMAGE] + blocks + _GIF[_GIF_IMAGE:]


def before_pixels(chunks: bytes) -> bytes:
    return _PNG[:_PNG_IDAT] + chunks + _PNG[_PNG_IDAT:]


def png_in_pieces(size: int, empty: int = 0) -> bytes:
    """A PNG file whose pixels are in chunks of a size, after some without anything."""
    pixels = _PNG[_PNG_IDAT + 8 : _PNG_IEND - 4]
    pieces = [png_chunk(b"IDAT", pixels[start : start + size]) for start in range(0, len(pixels), size)]
    return _PNG[:_PNG_IDAT] + empty * png_chunk(b"IDAT", b"") + b"".join(pieces) + _PNG[_PNG_IEND:]


def run_length_bmp(width: int, height: int, runs: bytes) -> bytes:
    start = 54 + 4 * 256
    sizes = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(runs), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", start + len(runs), 0, 0, start) + sizes + bytes(4 * 256) + runs


def webp_frames(side: int, number: int) -> bytes:
    """An animated WebP of tiny frames on a large canvas."""
    picture = encode(Image.new("RGB", (1, 1)), "WEBP")[12:]
    frame = b"ANMF" + struct.pack("<I", 16 + len(picture)) + bytes(16) + picture
    sides = 2 * struct.pack("<I", side - 1)[:3]
    chunks = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + sides + b"ANIM" + struct.pack("<I", 6) + bytes(6)
    body = chunks + number * frame
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def profile(size: int) -> bytes:
    return png_chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(size)))


_PIECES = "its bytes are in too many pieces"
_MEGABYTE = 2**20

FLOODS = [
    refused("progressive JPEG of 16 megapixels, 28,000 scans", lambda: scans(4000, 28_000), "more than 62 JPEG scans"),
    refused("TIFF of a JPEG of 99 scans", lambda: tiff_of_jpeg(scans(4000, 99), 4000), "too many JPEG scans in a TIFF"),
    refused("progressive JPEG of 64 pixels, 200,000 scans", lambda: scans(8, 200_000), "more than 500 JPEG scans"),
    refused("progressive JPEG of 49 megapixels, 40 scans", lambda: scans(7000, 40), "more than 32 JPEG scans"),
    refused(
        "JPEG scans with restart intervals between",
        lambda: scans(1000, 20_000, between=b"\xff\xdd\0\4\0\0"),
        "more than 500 JPEG scans",
    ),
    refused("JPEG of a million comments", lambda: in_jpeg(b"\xff\xfe\0\2" * 1_000_000), _PIECES),
    refused("JPEG of eight million fill bytes", lambda: in_jpeg(b"\xff" * 8_000_000), _PIECES),
    refused("PNG of 300,000 texts", lambda: before_pixels(png_chunk(b"tEXt", b"a\0") * 300_000), "more than 1000 PNG"),
    refused("PNG of 300,000 unknown chunks", lambda: before_pixels(png_chunk(b"abCd", b"") * 300_000), "1000 PNG"),
    refused("PNG of 2000 colour profiles", lambda: before_pixels(profile(_MEGABYTE - 64) * 2000), "more than 1000 PNG"),
    refused(
        "PNG of 300,000 chunks behind the pixels",
        lambda: _PNG[:_PNG_IEND] + png_chunk(b"abCd", b"") * 300_000 + _PNG[_PNG_IEND:],
        "more than 1000 PNG",
    ),
    refused("PNG of a million empty pieces", lambda: png_in_pieces(8192, empty=1_000_000), _PIECES),
    refused(
        "GIF comment of a million bytes, one by one", lambda: in_gif(b"!\xfe" + b"\1a" * 1_000_000 + b"\0"), _PIECES
    ),
    refused("GIF of 500,000 comments", lambda: in_gif(b"!\xfe\1a\0" * 500_000), _PIECES),
    refused("GIF of 500,000 controls", lambda: in_gif(b"!\xf9\4\0\0\0\0\0" * 500_000), _PIECES),
    refused(
        "GIF with an application's bytes one by one", lambda: in_gif(b"!\xff" + b"\1a" * 1_000_000 + b"\0"), _PIECES
    ),
    refused("GIF of four million bytes of nothing", lambda: in_gif(bytes(4_000_000)), _PIECES),
    refused("run-length BMP of 49 megapixels", lambda: run_length_bmp(7000, 7000, bytes(400_000)), "run-length BMP"),
    refused("run-length BMP of 9 MB", lambda: run_length_bmp(100, 100, bytes(9 * _MEGABYTE)), "run-length BMP"),
    refused("run-length BMP of a wide line", lambda: run_length_bmp(25_000_000, 2, b"\1\5\0\0"), "run-length BMP"),
    refused(
        "WebP frames on a canvas of 256 megapixels", lambda: webp_frames(16_000, 1000), "more than 50000000 pixels"
    ),
]

_ROW = b"".join(bytes([count, 7]) for count in (20, 20, 24)) + b"\0\0"
_SEVENS = np.zeros((48, 64, 3), np.uint8)

NO_FLOODS: list[Case] = [
    accepted("progressive JPEG", lambda: encode(PICTURE, progressive=True, quality=95)),
    accepted("progressive JPEG of 400 scans", lambda: scans(64, 400), np.full((64, 64, 3), 0, np.uint8)),
    accepted(
        "JPEG with a film behind it", lambda: encode(PICTURE, progressive=True, quality=95) + 100_000 * b"\xff\xda\0\2"
    ),
    accepted("TIFF of JPEG strips", lambda: encode(PICTURE, "TIFF", compression="jpeg", quality=95), format="TIFF"),
    accepted("JPEG with a preview of many scans", lambda: in_jpeg(app_segments(scans(8, 5000)))),
    accepted("JPEG with 20 MB of further data", lambda: in_jpeg(app_segments(bytes(20 * _MEGABYTE)))),
    accepted("PNG in pieces of one byte", lambda: png_in_pieces(1), format="PNG", mean=0.0, largest=0),
    accepted(
        "PNG of 900 texts", lambda: before_pixels(png_chunk(b"tEXt", b"a\0b") * 900), format="PNG", mean=0, largest=0
    ),
    accepted(
        "GIF with a comment of 500 kB",
        lambda: in_gif(b"!\xfe" + (b"\xff" + 255 * b"a") * 2000 + b"\0"),
        np.asarray(QUANTIZED.convert("RGB")),
        format="GIF",
        mean=0,
        largest=0,
    ),
    accepted("run-length BMP", lambda: run_length_bmp(64, 48, _ROW * 48), _SEVENS, format="BMP", mean=0, largest=0),
]


def app_segments(content: bytes) -> bytes:
    """Bytes as segments of an application's own."""
    size = 65_000
    pieces = [content[start : start + size] for start in range(0, len(content), size)]
    return b"".join(b"\xff\xe9" + struct.pack(">H", len(piece) + 2) + piece for piece in pieces)
