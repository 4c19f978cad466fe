"""From an image file to pixels: every rule of decoding but the limits, which stand in ``decoding``.

Exports ship this module beside their script, so that it decodes as training did: Pillow, NumPy and the standard library
alone, and pillow-heif where HEIC files are to be read.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

if TYPE_CHECKING:
    from cnnforge.data.decoding import DecodeSettings

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF")
"""The formats that Pillow decodes here; it knows more, some of which run programs of their own."""

EXTRA_FORMATS = ("HEIF",)
"""The formats that pillow-heif adds."""

_ORIENTATION_TAG = 0x0112
_PHOTOMETRIC_TAG, _WHITE_IS_ZERO = 262, 0
_BITS_TAG = 258
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SWAPPING_SIDES = (_TURNS[5], _TURNS[6], _TURNS[7], _TURNS[8])
_CONVERTIBLE = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"}


class UnusualPixelsError(ValueError):
    """Pixels of which nobody says how bright they are; the message is the reason, in a few words."""


class Photograph(NamedTuple):
    """A decoded image, 8 bits, grey or RGB, and what its file was: ``width`` and ``height`` are upright and in full."""

    image: Image.Image
    width: int
    height: int
    is_transparent: bool
    is_deep: bool


def open_image(file: BinaryIO) -> Image.Image:
    """Return an image file opened and not decoded yet.

    Raises:
        PIL.UnidentifiedImageError: It is of no format that is read, HEIC without pillow-heif among them.
    """
    try:
        return Image.open(file, formats=FORMATS)
    except UnidentifiedImageError:
        file.seek(4)
        if file.read(4) != b"ftyp":
            raise
        try:
            import pillow_heif
        except ImportError:
            pass
        else:
            pillow_heif.register_heif_opener()
            return Image.open(file, formats=EXTRA_FORMATS)
        raise


def render(image: Image.Image, settings: DecodeSettings, *, is_resized: bool = True) -> Photograph:
    """Return an opened image upright, in 8 bits, before the background, at the wanted size, its proportions not kept.

    Args:
        image: The first frame counts.
        settings: The wanted size and the rules.
        is_resized: False leaves the last step, resizing, to somebody else.

    Raises:
        UnusualPixelsError: Its values have no range that everybody agrees on.
        Exception: Of whatever kind: the file is damaged.
    """
    upright, (width, height) = _upright(image, settings)
    is_deep = upright.mode[0] in "IF"
    plain, is_transparent = _opaque(_in_8_bits(image, upright) if is_deep else upright, image.format, settings)
    mode = "L" if settings.channels == 1 else "RGB"
    plain = plain if plain.mode == mode else plain.convert(mode)
    size = (settings.width, settings.height)
    if is_resized and plain.size != size:
        plain = plain.resize(size, Image.Resampling[settings.interpolation.upper()])
    return Photograph(plain, width, height, is_transparent, is_deep)


def read_photograph(content: bytes, settings: DecodeSettings, *, is_resized: bool = True) -> np.ndarray:
    """Return an image file as training saw it, shape (height, width, channels), uint8; see :func:`render`."""
    image = render(open_image(io.BytesIO(content)), settings, is_resized=is_resized).image
    return np.asarray(image).reshape(image.height, image.width, settings.channels)


def _upright(image: Image.Image, settings: DecodeSettings) -> tuple[Image.Image, tuple[int, int]]:
    """Return the photograph turned upright, and its full size in that position."""
    is_jpeg = isinstance(image, JpegImageFile)
    if not is_jpeg:
        image.load()  # before its EXIF data are asked for, which may stand behind the pixels
    turn = _turn(image)
    is_swapped = turn in _SWAPPING_SIDES
    size = (image.height, image.width) if is_swapped else image.size
    if is_jpeg and settings.interpolation != "nearest":
        # Lets the JPEG decoder skip the detail that resizing throws away: up to eight times smaller, never too small.
        # "nearest" is what the classic generator does: it picks pixels out of the whole photograph.
        image.draft(None, (settings.height, settings.width) if is_swapped else (settings.width, settings.height))
    if is_jpeg:
        image.load()
    return (image if turn is None else image.transpose(turn)), size


def _turn(image: Image.Image) -> Image.Transpose | None:
    try:
        return _TURNS.get(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # a broken EXIF block says nothing about orientation; the pixels are as good as ever
        return None


def _in_8_bits(image: Image.Image, upright: Image.Image) -> Image.Image:
    """Return an image of more bits as grey, scaled: Pillow's own conversion clips at 255 instead."""
    values = np.asarray(upright)
    tags = getattr(image, "tag_v2", {})
    lowest, highest = values.min(), values.max()
    if upright.mode == "F":
        if not (lowest >= 0 and highest <= 1):
            raise UnusualPixelsError(f"fractions from {lowest:.3g} to {highest:.3g}: save it with 0 to 1, or 16 bits")
        levels = np.floor(values * 255 + 0.5).astype(np.uint8)
    else:
        if not (lowest >= 0 and highest <= 65_535):
            raise UnusualPixelsError(f"values of 32 bits, from {lowest} to {highest}: save it with 16 bits")
        num_bits = tags.get(_BITS_TAG, (16,))[0]
        levels = (values >> (min(num_bits, 16) - 8)).astype(np.uint8)
    if tags.get(_PHOTOMETRIC_TAG) == _WHITE_IS_ZERO:
        levels = 255 - levels
    grey = Image.fromarray(levels)
    key = image.info.get("transparency")
    if isinstance(key, int):  # the value that means transparent
        grey.putalpha(Image.fromarray(np.where(values == key, np.uint8(0), np.uint8(255))))
    return grey


def _opaque(image: Image.Image, image_format: str | None, settings: DecodeSettings) -> tuple[Image.Image, bool]:
    """Return the image before the background colour, and whether that shows anywhere."""
    if image.mode not in _CONVERTIBLE:
        raise UnusualPixelsError(f"colours in {image.mode}: save it in RGB")
    if not image.has_transparency_data:
        return image, False
    colours = image.convert("RGBA")
    alpha = colours.getchannel("A")
    lowest, highest = alpha.getextrema()
    # Programs that know nothing of alpha leave zeros in a BMP file's fourth byte, and every viewer takes no notice.
    if lowest == 255 or (highest == 0 and image_format == "BMP"):
        return colours.convert("RGB"), False
    opaque = Image.new("RGB", image.size, tuple(settings.background))
    opaque.paste(colours, mask=alpha)
    return opaque, True
