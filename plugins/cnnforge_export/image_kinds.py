"""A small picture as every kind of image file that training reads, for the parity gate: few data sets have them all."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image, features

_HEIGHT, _WIDTH = 90, 120


def image_kinds() -> dict[str, bytes]:
    """Return files by name; HEIC where pillow-heif is installed, AVIF where Pillow has it."""
    picture = _picture()
    clear = picture.convert("RGBA")
    clear.putalpha(Image.fromarray((np.mgrid[:_HEIGHT, :_WIDTH][1] * 2).astype(np.uint8)))
    opaque = picture.convert("RGBA")
    grey, palette = picture.convert("L"), picture.quantize(16)
    deep = np.asarray(grey).astype(np.uint16) * 257
    frames = {"save_all": True, "append_images": [picture.rotate(180)]}
    lossless = {"lossless": True}
    kinds = {
        **{f"turned-{turn}.jpg": _file(picture, "JPEG", exif=_exif(turn)) for turn in range(1, 9)},
        "progressive.jpg": _file(picture, "JPEG", progressive=True),
        "grey.jpg": _file(grey, "JPEG"),
        "cmyk.jpg": _file(picture.convert("CMYK"), "JPEG"),
        "several.jpg": _file(picture, "MPO", **frames),
        "colour.png": _file(picture, "PNG"),
        "grey.png": _file(grey, "PNG"),
        "1-bit.png": _file(picture.convert("1"), "PNG"),
        "palette.png": _file(palette, "PNG"),
        "palette-transparent.png": _file(palette, "PNG", transparency=3),
        "alpha.png": _file(clear, "PNG"),
        "alpha-opaque.png": _file(opaque, "PNG"),
        "grey-alpha.png": _file(clear.convert("LA"), "PNG"),
        "grey-16-bits.png": _file(deep, "PNG"),
        "grey-16-bits-transparent.png": _deep_png(deep[:, :, None], b"\0\0", _chunk(b"tRNS", deep[0, 0].astype(">u2"))),
        "grey-alpha-16-bits.png": _deep_png(np.asarray(clear.convert("LA")).astype(np.uint16) * 257, b"\4\0"),
        "colour-16-bits.png": _deep_png(np.asarray(picture).astype(np.uint16) * 257, b"\2\0"),
        "alpha-16-bits.png": _deep_png(np.asarray(clear).astype(np.uint16) * 257, b"\6\0"),
        "turned.png": _file(picture, "PNG", exif=_exif(6)),
        "animated.png": _file(picture, "PNG", **frames),
        "still.gif": _file(picture, "GIF"),
        "animated.gif": _file(picture, "GIF", **frames),
        "still.webp": _file(picture, "WEBP"),
        "alpha.webp": _file(clear, "WEBP", **lossless),
        "animated.webp": _file(picture, "WEBP", **lossless, **frames),
        "colour.bmp": _file(picture, "BMP"),
        "palette.bmp": _file(palette, "BMP"),
        "alpha-of-zeros.bmp": _bmp_without_alpha(picture),
        "colour.tif": _file(picture, "TIFF", compression="tiff_lzw"),
        "grey-16-bits.tif": _file(deep, "TIFF"),
        "grey-16-bits-big-endian.tif": _file(deep.astype(">u2"), "TIFF"),
        "grey-16-bits-inverted.tif": _file(deep, "TIFF", tiffinfo={262: 0}),
        "grey-32-bits.tif": _file(deep.astype(np.int32), "TIFF"),
        "fractions.tif": _file(deep.astype(np.float32) / 65_535, "TIFF"),
        "turned.tif": _file(picture, "TIFF", exif=_exif(6)),
        "cmyk.tif": _file(picture.convert("CMYK"), "TIFF"),
    }
    if features.check("avif"):
        kinds["still.avif"] = _file(picture, "AVIF")
    try:
        import pillow_heif
    except ImportError:
        return kinds
    pillow_heif.register_heif_opener()
    return kinds | {"still.heic": _file(picture, "HEIF")}


def _picture() -> Image.Image:
    """Return a smooth picture without symmetry."""
    y, x = np.mgrid[:_HEIGHT, :_WIDTH]
    waves = [np.sin(y / 17) * 90 + 120, np.cos(x / 23) * 80 + 110, (x + 2 * y) * 0.7]
    return Image.fromarray(np.stack(waves, axis=-1).astype(np.uint8))


def _file(image: Image.Image | np.ndarray, image_format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(file, image_format, **options)
    return file.getvalue()


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def _chunk(kind: bytes, data: Any) -> bytes:
    content = bytes(data)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _deep_png(values: np.ndarray, colour: bytes, *chunks: bytes) -> bytes:
    """Return 16 bits as a PNG file, which Pillow writes for grey alone."""
    header = struct.pack(">II", values.shape[1], values.shape[0]) + b"\x10" + colour + b"\0\0"
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    pixels, end = _chunk(b"IDAT", zlib.compress(rows)), _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + b"".join(chunks) + pixels + end


def _bmp_without_alpha(image: Image.Image) -> bytes:
    """Return a BMP file with a mask for alpha and no alpha, as programs write it that do not know what that means."""
    pixels = np.dstack([np.asarray(image)[::-1, :, ::-1], np.zeros((image.height, image.width), np.uint8)]).tobytes()
    header = struct.pack("<IiiHHIIiiII", 124, image.width, image.height, 1, 32, 3, len(pixels), 0, 0, 0, 0)
    header += struct.pack("<IIII4s", 0xFF0000, 0xFF00, 0xFF, 0xFF000000, b"BGRs") + bytes(64)
    return b"BM" + struct.pack("<IHHI", 138 + len(pixels), 0, 0, 138) + header + pixels
