"""Depths, alpha and containers as people have them: read right, or refused with a name and the way on."""

from __future__ import annotations

import io
import struct
import sys
import zipfile

import numpy as np
import pytest
from PIL import Image

from cnnforge.data.decoding import DecodeSettings, UnreadableImageError, decode, decoder_versions
from cnnforge.data.photographs import read_photograph
from cnnforge.data.store import settings_key
from tests.unit.data.image_cases import (
    GREY,
    HEIGHT,
    PICTURE,
    UPRIGHT,
    WIDTH,
    encode,
    half_transparent,
    over,
    png,
    png_chunk,
    png_of_rows,
    stored_for,
)

SETTINGS = DecodeSettings(HEIGHT, WIDTH)
DEEP = np.asarray(GREY).astype(np.uint16) * 257
LEVELS = np.asarray(GREY)
WITH_ALPHA = np.stack([DEEP, np.full_like(DEEP, 65_535)], axis=2)


def tiff(image: Image.Image | np.ndarray, **options: object) -> bytes:
    return encode(image, "TIFF", **options)


def tiff_tag(tag: int, value: int) -> dict[str, object]:
    return {"tiffinfo": {tag: value}}


def grey_of(content: bytes) -> np.ndarray:
    pixels = decode(content, SETTINGS).pixels
    assert np.array_equal(read_photograph(content, SETTINGS), pixels)
    assert (pixels == pixels[:, :, :1]).all()
    return pixels[:, :, 0]


@pytest.mark.parametrize(
    "content",
    [
        png_of_rows(DEEP, 16, 0),
        png(WIDTH, HEIGHT, 16, 4, b"".join(b"\0" + row.astype(">u2").tobytes() for row in WITH_ALPHA)),
        tiff(DEEP),
        tiff(DEEP.astype(">u2")),
        tiff(DEEP, compression="tiff_lzw"),
        tiff(DEEP, compression="tiff_adobe_deflate"),
        tiff(DEEP.astype(np.int32)),
        tiff(DEEP.astype(np.float32) / 65_535),
        tiff(65_535 - DEEP, **tiff_tag(262, 0)),
    ],
    ids=["png", "png la", "tiff", "tiff big-endian", "tiff lzw", "tiff deflate", "I", "F", "white is zero"],
)
def test_grey_of_more_than_8_bits_is_scaled(content: bytes) -> None:
    assert np.array_equal(grey_of(content), LEVELS)


@pytest.mark.parametrize("byte_order", ["<u2", ">u2"])
def test_every_value_of_16_bits_gives_its_high_byte(byte_order: str) -> None:
    ramp = np.arange(65_536, dtype=np.uint16).reshape(256, 256)
    settings = DecodeSettings(256, 256, channels=1)
    expected = (ramp >> 8).astype(np.uint8)
    for content in (tiff(ramp.astype(byte_order)), png_of_rows(ramp, 16, 0), tiff(ramp.astype(np.int32))):
        decoded = decode(content, settings)
        assert decoded.is_deep
        assert np.array_equal(decoded.pixels[:, :, 0], expected)


def test_a_transparent_value_of_16_bits_shows_the_background() -> None:
    key = int(DEEP[5, 5])
    content = png_of_rows(DEEP, 16, 0, png_chunk(b"tRNS", struct.pack(">H", key)))
    decoded = decode(content, DecodeSettings(HEIGHT, WIDTH, background=(9, 8, 7)))
    assert decoded.is_transparent
    assert (decoded.pixels[key == DEEP] == (9, 8, 7)).all()
    assert np.array_equal(decoded.pixels[key != DEEP][:, 0], LEVELS[key != DEEP])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (tiff(np.linspace(0, 255, 64, dtype=np.float32).reshape(8, 8)), "fractions from 0 to 255: save it with 0 to 1"),
        (tiff(np.full((8, 8), -0.5, np.float32)), "fractions from -0.5"),
        (tiff(np.full((8, 8), np.nan, np.float32)), "fractions from nan"),
        (tiff(np.full((8, 8), 70_000, np.int32)), "values of 32 bits, from 70000 to 70000: save it with 16 bits"),
        (tiff(np.full((8, 8), -1, np.int32)), "values of 32 bits, from -1"),
        (tiff(PICTURE.convert("LAB")), "colours in LAB: save it in RGB"),
    ],
)
def test_values_whose_range_nobody_states_are_refused(content: bytes, reason: str) -> None:
    with pytest.raises(UnreadableImageError) as caught:
        decode(content, SETTINGS)
    assert str(caught.value).startswith(reason)


# Alpha


def bmp(alpha: np.ndarray) -> bytes:
    """A BMP file of 32 bits with a mask for alpha, as image editors write it."""
    pixels = np.dstack([UPRIGHT[:, :, ::-1], alpha])[::-1].astype(np.uint8).tobytes()
    header = struct.pack("<IiiHHIIiiII", 124, WIDTH, HEIGHT, 1, 32, 3, len(pixels), 2835, 2835, 0, 0)
    header += struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + b"BGRs" + bytes(64)
    start = 14 + len(header)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + header + pixels


def test_a_bmp_file_without_any_alpha_is_opaque() -> None:
    decoded = decode(bmp(np.zeros((HEIGHT, WIDTH))), SETTINGS)
    assert np.array_equal(decoded.pixels, UPRIGHT)
    assert not decoded.is_transparent


def test_a_bmp_file_with_some_alpha_is_what_it_says() -> None:
    alpha = np.full((HEIGHT, WIDTH), 255)
    alpha[:, WIDTH // 2 :] = 0
    decoded = decode(bmp(alpha), SETTINGS)
    assert np.array_equal(decoded.pixels, over((255, 255, 255)))
    assert decoded.is_transparent
    assert np.array_equal(decode(bmp(np.full((HEIGHT, WIDTH), 255)), SETTINGS).pixels, UPRIGHT)


@pytest.mark.parametrize("image_format", ["PNG", "WEBP", "TIFF"])
def test_where_alpha_means_something_nothing_but_background_shows(image_format: str) -> None:
    image = PICTURE.convert("RGBA")
    image.putalpha(0)
    options = {"lossless": True, "exact": True} if image_format == "WEBP" else {}
    assert (decode(encode(image, image_format, **options), SETTINGS).pixels == 255).all()


def test_an_opaque_alpha_channel_is_no_transparency() -> None:
    assert not decode(encode(PICTURE.convert("RGBA"), "PNG"), SETTINGS).is_transparent
    assert decode(encode(half_transparent("RGBA"), "PNG"), SETTINGS).is_transparent


# Containers


@pytest.mark.parametrize("orientation", range(1, 9))
def test_tiff_files_are_turned_upright_once(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoded = decode(tiff(stored_for(orientation), exif=exif), SETTINGS)
    assert np.array_equal(decoded.pixels, UPRIGHT)
    assert (decoded.width, decoded.height, decoded.format) == (WIDTH, HEIGHT, "TIFF")


@pytest.mark.parametrize(
    ("image", "options"),
    [
        (PICTURE, {"compression": "tiff_lzw"}),
        (PICTURE, {"save_all": True, "append_images": [PICTURE.rotate(180)]}),
        (PICTURE.convert("RGBA"), {}),
        (PICTURE.convert("CMYK").convert("RGB"), {}),
    ],
)
def test_tiff_files_of_8_bits(image: Image.Image, options: dict[str, object]) -> None:
    assert np.array_equal(decode(tiff(image, **options), SETTINGS).pixels, np.asarray(image.convert("RGB")))


def test_avif_is_read() -> None:
    decoded = decode(encode(PICTURE, "AVIF", quality=95), SETTINGS)
    assert decoded.format == "AVIF"
    assert np.abs(decoded.pixels.astype(int) - UPRIGHT).mean() < 3


@pytest.fixture
def heic() -> bytes:
    pillow_heif = pytest.importorskip("pillow_heif")
    file = io.BytesIO()
    pillow_heif.from_pillow(PICTURE).save(file, quality=95)
    return file.getvalue()


def test_heic_is_read_where_pillow_heif_is_installed(heic: bytes) -> None:
    decoded = decode(heic, SETTINGS)
    assert decoded.format == "HEIF"
    assert np.abs(decoded.pixels.astype(int) - UPRIGHT).mean() < 4
    assert "pillow-heif" in decoder_versions()
    assert decoder_versions()["pillow-heif"] in settings_key(SETTINGS)


def test_heic_names_the_extra_where_it_is_not(heic: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.setattr("cnnforge.data.foreign.find_spec", lambda _: None)
    with pytest.raises(UnreadableImageError, match=r"unsupported format HEIC: pip install 'cnnforge\[heic\]'"):
        decode(heic, SETTINGS)


def test_a_heic_file_that_is_cut_off_is_damaged(heic: bytes) -> None:
    with pytest.raises(UnreadableImageError, match="damaged"):
        decode(heic[: len(heic) // 2], SETTINGS)


def box(brand: bytes) -> bytes:
    return struct.pack(">I4s4sI4s", 20, b"ftyp", brand, 0, brand) + bytes(100)


def raw(**tags: int) -> bytes:
    numbers = {"dng": 50706, "subfile": 254}
    return tiff(PICTURE, tiffinfo={numbers[name]: value for name, value in tags.items()})


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("1.jpg", b"")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:%064d\nsize 1\n" % 7,
            "a Git LFS pointer, not the image itself: git lfs pull",
        ),
        (b"\xff\x0a" + bytes(99), "unsupported format JPEG XL: convert it to PNG, such as with djxl"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(99), "unsupported format JPEG XL"),
        (encode(PICTURE, "JPEG2000"), "unsupported format JPEG 2000: convert it to JPEG or PNG"),
        (encode(PICTURE, "JPEG2000", no_jp2=True), "unsupported format JPEG 2000"),
        (bytes(128) + b"DICM" + bytes(99), "unsupported format DICOM"),
        (encode(PICTURE, "TGA"), "unsupported format TGA"),
        (encode(PICTURE, "TGA", rle=True), "unsupported format TGA"),
        (encode(PICTURE, "TGA").removesuffix(b"TRUEVISION-XFILE.\0"), "unsupported format TGA"),
        (box(b"isom"), "unsupported format video (MP4 or QuickTime)"),
        (box(b"mp42"), "unsupported format video (MP4"),
        (box(b"qt  "), "unsupported format video (MP4"),
        (b"RIFF\0\0\0\0AVI LIST", "unsupported format video (AVI)"),
        (b"\x1aE\xdf\xa3" + bytes(99), "unsupported format video (Matroska or WebM)"),
        (b"%PDF-1.7\n", "unsupported format PDF"),
        (b"8BPS\0\1" + bytes(99), "unsupported format PSD"),
        (b"II*\0\x10\0\0\0CR\2\0" + bytes(99), "unsupported format RAW photograph"),
        (raw(dng=1), "unsupported format RAW photograph: develop it"),
        (raw(subfile=1), "unsupported format RAW photograph"),
        (b"FUJIFILMCCD-RAW 0201", "unsupported format RAW photograph"),
        (box(b"crx "), "unsupported format RAW photograph"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "unsupported format SVG: draw it as PNG"),
        (b'<?xml version="1.0"?>\n<svg/>', "unsupported format SVG"),
        (b'<?xml version="1.0"?>\n<annotation/>', "unsupported format XML"),
        (b"\xef\xbb\xbf\n<!DOCTYPE html><title>404</title>", "an HTML page, not an image"),
        (b'{"error": "not found"}', "not an image, but JSON"),
        (b"Not Found\n", "not an image, but text"),
        ("nicht gefunden, schade für dich".encode(), "not an image, but text"),
        (b"", "empty file"),
        (zipped(), "unsupported format zip"),
        (b"\x1f\x8b\x08" + bytes(99), "unsupported format gzip"),
        (encode(PICTURE, "ICO"), "unsupported format icon"),
        (encode(PICTURE, "PPM"), "unsupported format PNM"),
        (b"\x01\x02\x03\xfe" * 99, "not an image, or damaged at the start"),
    ],
)
def test_what_is_refused_is_named_with_the_way_on(content: bytes, reason: str) -> None:
    with pytest.raises(UnreadableImageError) as caught:
        decode(content, SETTINGS)
    assert str(caught.value).startswith(reason)
