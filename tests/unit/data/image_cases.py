"""Every image a decoder may meet, made in code: the cases IMG01 to IMG33 of the catalogue of bad inputs."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 48, 64


def pattern(height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """A smooth picture without symmetry, so that a turned, mirrored or recoloured one is another."""
    y, x = np.mgrid[:height, :width]
    red, green, blue = x * 255 / width, y * 255 / height, 255 * (x / width) * (1 - y / height)
    return np.stack([red, green, blue], axis=2).astype(np.uint8)


def encode(image: Image.Image | np.ndarray, image_format: str = "JPEG", **options: object) -> bytes:
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


PICTURE = Image.fromarray(pattern())
GREY = PICTURE.convert("L")
JPEG = encode(PICTURE, quality=95)
QUANTIZED = PICTURE.quantize(16)
UPRIGHT = np.asarray(PICTURE)
IN_GREY = np.repeat(np.asarray(GREY)[:, :, None], 3, axis=2)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int, colour: int, pixels: bytes, *extra: bytes) -> bytes:
    """A PNG by hand, for what Pillow does not write. ``pixels``: the rows, each with its filter byte, uncompressed."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = [png_chunk(b"IHDR", header), *extra, png_chunk(b"IDAT", zlib.compress(pixels)), png_chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def png_of_rows(array: np.ndarray, depth: int, colour: int, *extra: bytes) -> bytes:
    """A PNG of an array of unsigned integers, one row a line."""
    rows = b"".join(b"\0" + row.tobytes() for row in array.astype(f">u{depth // 8}"))
    return png(array.shape[1], array.shape[0], depth, colour, rows, *extra)


def orientation_exif(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def with_orientation(image: Image.Image, orientation: int) -> bytes:
    return encode(image, quality=95, exif=orientation_exif(orientation))


def png_with_late_orientation(image: Image.Image, orientation: int) -> bytes:
    """A PNG whose EXIF data stand behind the pixels, as its format allows."""
    content, end = encode(image, "PNG"), len(png_chunk(b"IEND", b""))
    return content[:-end] + png_chunk(b"eXIf", orientation_exif(orientation)[6:]) + content[-end:]


def stored_for(orientation: int, image: Image.Image = PICTURE) -> Image.Image:
    """The picture as a camera held in that position stores it."""
    inverse = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    return image.transpose(inverse[orientation]) if orientation in inverse else image


def overwritten_mid_scan() -> bytes:
    content = bytearray(encode(Image.fromarray(pattern(480, 640))))
    middle = len(content) // 2
    content[middle : middle + 60] = bytes(range(1, 61))
    return bytes(content)


def forged_jpeg(width: int, height: int) -> bytes:
    """A small JPEG whose header claims another size."""
    content = bytearray(JPEG)
    frame = content.find(b"\xff\xc0")
    content[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(content)


def inverted_cmyk() -> bytes:
    """A CMYK JPEG as Adobe's programs write it, and Pillow too: inverted, with the marker that says so."""
    return encode(PICTURE.convert("CMYK"), quality=95)


def unmarked_cmyk() -> bytes:
    """The same without Adobe's marker: inverted it is all the same, as Pillow and all browsers take it."""
    content = inverted_cmyk()
    start = content.find(b"\xff\xee")
    length = struct.unpack(">H", content[start + 2 : start + 4])[0]
    return content[:start] + content[start + 2 + length :]


def half_transparent(mode: str) -> Image.Image:
    """The picture, its right half fully transparent over a colour that must not show."""
    alpha = np.full((HEIGHT, WIDTH), 255, np.uint8)
    alpha[:, WIDTH // 2 :] = 0
    image = PICTURE.convert("RGBA")
    image.putalpha(Image.fromarray(alpha))
    return image.convert(mode)


def over(background: tuple[int, int, int], left: np.ndarray = UPRIGHT) -> np.ndarray:
    expected = left.copy()
    expected[:, WIDTH // 2 :] = background
    return expected


def palette_with_transparency() -> bytes:
    image = QUANTIZED.copy()
    image.paste(16, (WIDTH // 2, 0, WIDTH, HEIGHT))
    image.putpalette([*QUANTIZED.getpalette()[: 16 * 3], 0, 255, 0])
    return encode(image, "PNG", transparency=16)


def animation(image_format: str, mode: str = "RGB") -> bytes:
    others = [PICTURE.rotate(90 * turns).convert(mode) for turns in (1, 2, 3)]
    options = {"lossless": True} if image_format == "WEBP" else {}
    return encode(PICTURE.convert(mode), image_format, save_all=True, append_images=others, duration=50, **options)


def still_gif() -> bytes:
    return encode(PICTURE, "GIF")


def gif_canvas(width: int, height: int) -> bytes:
    content = bytearray(still_gif())
    content[6:10] = struct.pack("<HH", width, height)
    return bytes(content)


def webp_canvas(side: int) -> bytes:
    content = bytearray(animation("WEBP"))
    start = content.find(b"VP8X")
    content[start + 12 : start + 18] = 2 * (side - 1).to_bytes(3, "little")
    return bytes(content)


def broken_exif(kind: str) -> bytes:
    """EXIF data that are noise, that end too early, or whose orientation is no orientation."""
    blocks = {
        "noise": b"Exif\0\0" + bytes(range(64)),
        "cut": b"Exif\0\0MM\0*\0\0\0\x08\0\x05\x01\x12",
        "orientation 99": b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x63\0\0\0\0\0\0",
        "orientation text": b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\0\0\0\x04abc\0\0\0\0\0",
    }
    return encode(PICTURE, quality=95, exif=blocks[kind])


@dataclass(frozen=True)
class Case:
    """An image and what must come of it: these pixels within a tolerance (mean and largest difference), or a reason."""

    name: str
    make: Callable[[], bytes]
    pixels: np.ndarray | None = None
    reason: str = ""
    mean: float = 1.0
    largest: int = 12
    format: str = "JPEG"
    is_animated: bool = False

    def __str__(self) -> str:
        return self.name


def accepted(name: str, make: Callable[[], bytes], pixels: np.ndarray = UPRIGHT, **facts: object) -> Case:
    return Case(name, make, pixels, **facts)


def refused(name: str, make: Callable[[], bytes], reason: str) -> Case:
    return Case(name, make, reason=reason)


EXACT = {"mean": 0.0, "largest": 0}
CUT_OFF = "the file is cut off"
NO_IMAGE = "not an image"
WHITE = (255, 255, 255)

CASES = [
    refused("IMG01 half of a JPEG", lambda: JPEG[: len(JPEG) // 2], CUT_OFF),
    refused("IMG02 JPEG without its last two bytes", lambda: JPEG[:-2], CUT_OFF),
    refused("IMG03 first 100 bytes of a JPEG", lambda: JPEG[:100], CUT_OFF),
    refused("IMG04 empty file", lambda: b"", "empty file"),
    refused("IMG05 HTML page", lambda: b"<!DOCTYPE html><html><body>404</body></html>", "an HTML page"),
    refused("IMG06 4096 zeros", lambda: bytes(4096), NO_IMAGE),
    # IMG07: neither Pillow nor TensorFlow can tell, since neither passes libjpeg's warning on. It is decoded, and what
    # guards against it is the content hash: bytes that change after the scan are an error.
    accepted(
        "IMG07 60 bytes overwritten mid-scan",
        overwritten_mid_scan,
        mean=60,
        largest=255,
    ),
    accepted("IMG08 a kilobyte of junk after the end", lambda: JPEG + bytes(range(256)) * 4),
    accepted("IMG09 progressive JPEG", lambda: encode(PICTURE, quality=95, progressive=True)),
    accepted("IMG10 PNG whatever its name", lambda: encode(PICTURE, "PNG"), format="PNG", **EXACT),
    accepted("IMG10 GIF whatever its name", still_gif, format="GIF", mean=12, largest=60),
    accepted("IMG10 BMP whatever its name", lambda: encode(PICTURE, "BMP"), format="BMP", **EXACT),
    accepted("IMG10 WebP whatever its name", lambda: encode(PICTURE, "WEBP", lossless=True), format="WEBP", **EXACT),
    accepted("IMG11 TIFF", lambda: encode(PICTURE, "TIFF"), format="TIFF", **EXACT),
    refused("IMG11 AVIF", lambda: b"\0\0\0\x1cftypavif\0\0\0\0avifmif1", "damaged: AVIF"),
    refused("IMG11 HEIC", lambda: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "damaged: HEIC"),
    refused("IMG11 SVG", lambda: b'<svg xmlns="http://www.w3.org/2000/svg"/>', "unsupported format SVG"),
    refused("IMG11 PDF", lambda: encode(PICTURE, "PDF"), "unsupported format PDF"),
    refused(
        "IMG11 EPS, which would run a program", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n", "unsupported format PostScript"
    ),
    refused("IMG11 Thumbs.db and its like", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), NO_IMAGE),
    accepted("IMG12 CMYK JPEG as Adobe writes it", inverted_cmyk, mean=2, largest=20),
    accepted("IMG12 CMYK JPEG without Adobe's marker", unmarked_cmyk, mean=2, largest=20),
    accepted("IMG13 grey PNG", lambda: encode(GREY, "PNG"), IN_GREY, format="PNG", **EXACT),
    accepted("IMG13 grey JPEG", lambda: encode(GREY, quality=95), IN_GREY),
    accepted(
        "IMG13 1-bit PNG",
        lambda: encode(Image.fromarray(np.asarray(GREY) > 127), "PNG"),
        np.where(IN_GREY > 127, 255, 0).astype(np.uint8),
        format="PNG",
        **EXACT,
    ),
    accepted(
        "IMG13 4-bit grey PNG",
        lambda: png(4, 1, 4, 0, b"\0\x05\xaf"),
        np.array([[[0] * 3, [85] * 3, [170] * 3, [255] * 3]], np.uint8),
        format="PNG",
        **EXACT,
    ),
    accepted("IMG13 palette PNG", lambda: encode(GREY.convert("P"), "PNG"), IN_GREY, format="PNG", **EXACT),
    accepted(
        "IMG13 palette PNG with a transparent colour",
        palette_with_transparency,
        over(WHITE, np.asarray(QUANTIZED.convert("RGB"))),
        format="PNG",
        **EXACT,
    ),
    accepted(
        "IMG13 grey with alpha",
        lambda: encode(half_transparent("LA"), "PNG"),
        over(WHITE, IN_GREY),
        format="PNG",
        **EXACT,
    ),
    accepted("IMG14 RGBA PNG", lambda: encode(half_transparent("RGBA"), "PNG"), over(WHITE), format="PNG", **EXACT),
    accepted(
        "IMG14 RGBA WebP",
        lambda: encode(half_transparent("RGBA"), "WEBP", lossless=True),
        over(WHITE),
        format="WEBP",
        **EXACT,
    ),
    accepted(
        "IMG15 16-bit grey PNG is scaled",
        lambda: png_of_rows(np.asarray(GREY).astype(np.uint16) * 257, 16, 0),
        IN_GREY,
        format="PNG",
        **EXACT,
    ),
    accepted(
        "IMG15 16-bit RGB PNG is scaled",
        lambda: png_of_rows(UPRIGHT.astype(np.uint16) * 257, 16, 2),
        format="PNG",
        **EXACT,
    ),
    accepted("IMG16 palette BMP", lambda: encode(GREY.convert("P"), "BMP"), IN_GREY, format="BMP", **EXACT),
    accepted(
        "IMG16 palette BMP in colour",
        lambda: encode(PICTURE.quantize(256), "BMP"),
        np.asarray(PICTURE.quantize(256).convert("RGB")),
        format="BMP",
        **EXACT,
    ),
    *(
        accepted(f"IMG17 EXIF orientation {n}", lambda n=n: with_orientation(stored_for(n), n), mean=1.0)
        for n in range(1, 9)
    ),
    *(
        accepted(f"IMG17 broken EXIF: {kind}", lambda kind=kind: broken_exif(kind))
        for kind in ("noise", "cut", "orientation 99", "orientation text")
    ),
    accepted(
        "IMG17 EXIF orientation behind the pixels of a PNG",
        lambda: png_with_late_orientation(stored_for(6), 6),
        format="PNG",
        **EXACT,
    ),
    accepted("IMG18 animated GIF", lambda: animation("GIF"), format="GIF", is_animated=True, mean=12, largest=60),
    accepted("IMG18 APNG", lambda: animation("PNG"), format="PNG", is_animated=True, **EXACT),
    accepted("IMG18 animated WebP", lambda: animation("WEBP"), format="WEBP", is_animated=True, **EXACT),
    accepted("IMG18 animated WebP, RGBA", lambda: animation("WEBP", "RGBA"), format="WEBP", is_animated=True, **EXACT),
    # Not in the catalogue: the photographs of many telephones. They are JPEG files, and no animations.
    accepted(
        "IMG18 multi-picture JPEG",
        lambda: encode(PICTURE, "MPO", quality=95, save_all=True, append_images=[PICTURE.rotate(180)]),
    ),
    refused("IMG19 GIF cut in its first frame", lambda: still_gif()[: len(still_gif()) // 2 + 400], CUT_OFF),
    accepted(
        # What is used, the first frame, is whole.
        "IMG19 GIF cut in a later frame",
        lambda: animation("GIF")[: len(animation("GIF")) * 3 // 4],
        format="GIF",
        is_animated=True,
        mean=12,
        largest=60,
    ),
    refused("IMG19 WebP cut", lambda: animation("WEBP")[:-30], "damaged"),
    accepted(
        "IMG20 1×1",
        lambda: encode(Image.new("RGB", (1, 1), (9, 8, 7)), "PNG"),
        np.full((1, 1, 3), (9, 8, 7), np.uint8),
        format="PNG",
        **EXACT,
    ),
    accepted("IMG20 1×5000", lambda: encode(pattern(5000, 1), "PNG"), pattern(5000, 1), format="PNG", **EXACT),
    accepted("IMG20 5000×1", lambda: encode(pattern(1, 5000), "PNG"), pattern(1, 5000), format="PNG", **EXACT),
]

BOMBS = [
    refused("IMG21 PNG header 60000×60000", lambda: png(60_000, 60_000, 8, 2, bytes(100)), "more than 50000000 pixels"),
    refused("IMG22 JPEG forged to 13000×13000", lambda: forged_jpeg(13_000, 13_000), "more than 50000000 pixels"),
    refused("IMG22 JPEG forged to 65500×65500", lambda: forged_jpeg(65_500, 65_500), "more than 50000000 pixels"),
    # Below the limit of pixels too: libjpeg would paint grey what the file does not hold, and call it done.
    refused("IMG22 JPEG forged to 7000×7000", lambda: forged_jpeg(7_000, 7_000), "too few bytes"),
    refused(
        "IMG23 14000×14000 PNG of zeros",
        lambda: png(14_000, 14_000, 8, 0, bytes(14_001 * 14_000)),
        "more than 50000000",
    ),
    refused("IMG24 GIF canvas 65535×65535", lambda: gif_canvas(65_535, 65_535), "more than 50000000 pixels"),
    refused("IMG24 WebP canvas 16384×16384", lambda: webp_canvas(16_384), "more than 50000000 pixels"),
    refused(
        "IMG25 PNG with 100 MB of compressed text",
        lambda: png(1, 1, 8, 0, b"\0\0", png_chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(100 * 2**20)))),
        "damaged",
    ),
    refused(
        "IMG25 PNG with a colour profile of 100 MB",
        lambda: png(1, 1, 8, 0, b"\0\0", png_chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(100 * 2**20)))),
        "damaged",
    ),
]
