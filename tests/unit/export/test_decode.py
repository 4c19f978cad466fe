"""Decoding in a graph gives the pixels of the one decoder that training uses, every one of them."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from cnnforge.data.decoding import DecodeSettings, decode
from cnnforge_export.decode import decode_files
from cnnforge_export.golden import why_untaken
from cnnforge_export.image_kinds import image_kinds

HEIGHT, WIDTH = 40, 32


def picture(height: int, width: int, mode: str = "RGB") -> Image.Image:
    """Return a colourful picture with some noise, like a photograph's."""
    y, x = np.mgrid[:height, :width]
    noise = np.random.default_rng(0).integers(0, 40, (height, width))
    channels = [np.sin(y / 17) * 90 + 120 + noise, np.cos(x / 23) * 80 + 110, (x + y) % 215 + noise]
    return Image.fromarray(np.stack(channels, axis=-1).astype(np.uint8)).convert(mode)


def encoded(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def exif(orientation: int, endian: str) -> Image.Exif:
    found = Image.Exif()
    found.endian = endian  # type: ignore[assignment]
    found[0x010F] = "a camera"
    found[0x0112] = orientation
    return found


def assert_same(contents: list[bytes], settings: DecodeSettings) -> None:
    found = decode_files(tf.constant(contents), settings).numpy()
    for content, pixels in zip(contents, found, strict=True):
        np.testing.assert_array_equal(pixels, decode(content, settings).pixels)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_jpeg_files_of_any_size(interpolation: str) -> None:
    sizes = [(HEIGHT, WIDTH), (39, 31), (95, 70), (170, 200), (400, 333), (700, 90), (9, 9)]
    contents = [encoded(picture(*size), quality=quality) for size, quality in zip(sizes, range(70, 98, 4), strict=True)]
    contents += [encoded(picture(120, 90), progressive=True), encoded(picture(120, 90, "L"))]
    contents += [encoded(picture(120, 90), subsampling=0)]
    assert_same(contents, DecodeSettings(HEIGHT, WIDTH, interpolation=interpolation))


@pytest.mark.parametrize("endian", ["<", ">"])
def test_photographs_that_lie_on_their_side_are_turned(endian: str) -> None:
    contents = [encoded(picture(150, 270), exif=exif(orientation, endian)) for orientation in range(1, 9)]
    settings = DecodeSettings(HEIGHT, WIDTH)
    assert_same(contents, settings)
    assert len({decode(content, settings).pixels.tobytes() for content in contents}) == 8


def test_an_orientation_outside_the_exif_data_means_nothing() -> None:
    content = encoded(picture(150, 270), comment=b"\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00")
    assert_same([content], DecodeSettings(HEIGHT, WIDTH))


def test_png_files_of_every_kind() -> None:
    clear = picture(90, 70, "RGBA")
    clear.putalpha(Image.fromarray((np.mgrid[:90, :70][1] * 3).astype(np.uint8)))
    palette = picture(90, 70, "P")
    contents = [encoded(image, "PNG") for image in (picture(90, 70), picture(90, 70, "L"), clear, palette)]
    contents += [encoded(palette, "PNG", transparency=3), encoded(picture(90, 70, "1"), "PNG")]
    contents += [encoded(clear.convert("LA"), "PNG"), encoded(palette.quantize(4), "PNG", bits=2)]
    contents += [encoded(palette.quantize(4), "PNG", bits=2, transparency=1)]
    assert_same(contents, DecodeSettings(HEIGHT, WIDTH, background=(200, 30, 90)))


def test_grey_networks_get_grey_images() -> None:
    contents = [encoded(picture(120, 90)), encoded(picture(120, 90, "L")), encoded(picture(50, 60, "RGBA"), "PNG")]
    assert_same(contents, DecodeSettings(HEIGHT, WIDTH, channels=1))


@pytest.mark.parametrize("channels", [1, 3])
def test_every_kind_of_file_that_is_taken_gives_the_pixels_of_training(channels: int) -> None:
    taken = [content for content in image_kinds().values() if why_untaken(content, "files") is None]
    assert len(taken) > 20
    assert_same(taken, DecodeSettings(HEIGHT, WIDTH, channels, background=(200, 30, 90)))


def test_exif_data_of_a_png_file_before_or_behind_its_pixels_turn_it() -> None:
    behind = encoded(picture(150, 270), "PNG")
    exif_chunk = exif(8, "<").tobytes().removeprefix(b"Exif\0\0")
    chunk = (
        struct.pack(">I", len(exif_chunk)) + b"eXIf" + exif_chunk + struct.pack(">I", zlib.crc32(b"eXIf" + exif_chunk))
    )
    behind = behind[:-12] + chunk + behind[-12:]
    before = [encoded(picture(150, 270), "PNG", exif=exif(orientation, ">")) for orientation in range(1, 9)]
    assert_same([*before, behind], DecodeSettings(HEIGHT, WIDTH))


def test_cmyk_files_are_refused() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="received CMYK"):
        decode_files(tf.constant([encoded(picture(20, 20, "CMYK"))]), DecodeSettings(HEIGHT, WIDTH))


@pytest.mark.parametrize("kind", ["GIF", "BMP", "WEBP"])
def test_other_formats_are_refused(kind: str) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="expected a JPEG or PNG file"):
        decode_files(tf.constant([encoded(picture(20, 20), kind)]), DecodeSettings(HEIGHT, WIDTH))
