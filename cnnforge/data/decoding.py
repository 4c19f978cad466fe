"""The one function that turns an image file into pixels, for training, evaluation and prediction alike.

Rules: the content decides the format, not the file's name; sizes are checked before any pixel is allocated; the
photograph is turned upright as its EXIF data say; transparent pixels show the background colour; 16 bits are scaled
to 8; of an animation the first frame counts. What cannot be decoded in full, or not in reasonable time, is refused.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from cnnforge.data.effort import BoundedReader, UnreadableImageError, check_chunks, check_effort
from cnnforge.images import MAX_FILE_BYTES, TOO_LARGE
from cnnforge.recipe import DataSection

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP")
"""The formats that are decoded; Pillow knows more, some of which run programs of their own."""

_OTHER_FORMATS = {
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"%PDF": "PDF",
    b"%!PS": "PostScript",
    b"\x00\x00\x01\x00": "icon",
    b"PK\x03\x04": "zip",
    b"SQLi": "SQLite",
}
_ORIENTATION_TAG = 0x0112
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
_JPEG_MAX_PIXELS_PER_BYTE = 512  # at least one bit for 8×8 pixels; with fewer, the decoder paints the rest grey
_PILLOW_MAX_PIXELS = 178_956_970  # beyond, Pillow itself refuses

# Pillow warns of damaged EXIF data and of images above 89 million pixels: the first says nothing about the pixels, and
# of the second our own limit takes care. A line on the terminal for each such photograph would help nobody.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


@dataclass(frozen=True, slots=True)
class DecodeSettings:
    """How images are decoded.

    Args:
        height: Of the result, in pixels.
        width: Of the result, in pixels.
        channels: 3 for red, green, blue; 1 for grey.
        interpolation: ``nearest``, ``bilinear``, ``bicubic`` or ``lanczos``, with antialiasing when shrinking.
        background: Colour behind transparent pixels.
        max_pixels: Larger images are refused before they are decoded; above 178,956,970 Pillow refuses them too.
    """

    height: int
    width: int
    channels: int = 3
    interpolation: str = "bilinear"
    background: tuple[int, int, int] = (255, 255, 255)
    max_pixels: int = 50_000_000

    @classmethod
    def of(cls, data: DataSection, input_shape: tuple[int, int, int]) -> DecodeSettings:
        """Return the settings of a recipe's ``[data]`` for images of ``input_shape``."""
        return cls(*input_shape, data.interpolation, data.background, data.max_pixels)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return (self.height, self.width, self.channels)


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """Pixels at the wanted size, and what the file was: ``width`` and ``height`` are the photograph's, upright."""

    pixels: np.ndarray
    image: Image.Image
    width: int
    height: int
    format: str
    is_animated: bool


Admit = Callable[[int], AbstractContextManager[object]]
"""Called with an image's number of pixels; its context is held for as long as these take memory."""


def decode(
    content: bytes | np.ndarray, settings: DecodeSettings, admit: Admit = lambda _: nullcontext()
) -> DecodedImage:
    """Decode an image file (or take an array as it is) and resize it, its proportions not kept.

    Args:
        content: The bytes of a file, or a uint8 array (height, width, 1, 3 or 4).
        settings: The wanted size and the rules.
        admit: May wait until there is memory for the pixels, up to 22 bytes for each.

    Raises:
        UnreadableImageError: It is no image, is damaged, is too large, or would take too long.
    """
    try:
        image = _open(content, settings)
        with admit(image.width * image.height):
            image_format, is_animated = _kind(image)
            upright, (width, height) = _upright(image, settings)
            resized = _resize(_convert(upright, settings), settings)
            del image, upright
    except UnreadableImageError:
        raise
    except Exception as error:  # a decoder may raise anything on a damaged file
        raise UnreadableImageError(_reason(error)) from error
    pixels = np.frombuffer(resized.tobytes(), np.uint8).reshape(settings.shape)
    return DecodedImage(pixels, resized, width, height, image_format, is_animated)


def content_hash(content: bytes | np.ndarray) -> bytes:
    """Return the SHA-256 of an image as its source returns it."""
    return hashlib.sha256(content if isinstance(content, bytes) else content.tobytes()).digest()


def _open(content: bytes | np.ndarray, settings: DecodeSettings) -> Image.Image:
    if isinstance(content, np.ndarray):
        if content.dtype != np.uint8 or content.ndim != 3 or content.shape[2] not in (1, 3, 4) or not content.size:
            raise UnreadableImageError(
                f"expected a uint8 array (height, width, channels), received {content.dtype} {content.shape}"
            )
        return Image.fromarray(content[:, :, 0] if content.shape[2] == 1 else content)
    if not content:
        raise UnreadableImageError("empty file")
    if len(content) > MAX_FILE_BYTES:
        raise UnreadableImageError(TOO_LARGE)
    max_pixels = min(settings.max_pixels, _PILLOW_MAX_PIXELS)
    check_chunks(content)
    reader = BoundedReader(content)
    try:
        image = Image.open(reader, formats=FORMATS)
    except UnidentifiedImageError:
        raise UnreadableImageError(_foreign_format(content)) from None
    except Image.DecompressionBombError:
        raise UnreadableImageError(f"more than {max_pixels} pixels") from None
    num_pixels = image.width * image.height
    if num_pixels > max_pixels:
        raise UnreadableImageError(f"{image.width}×{image.height}, more than {max_pixels} pixels")
    if isinstance(image, JpegImageFile) and num_pixels > _JPEG_MAX_PIXELS_PER_BYTE * len(content):
        raise UnreadableImageError(f"damaged: too few bytes for {image.width}×{image.height} pixels")
    check_effort(image, content, reader)
    return image


def _kind(image: Image.Image) -> tuple[str, bool]:
    """Return the format and whether it is an animation."""
    if image.format == "MPO":  # a JPEG file of a telephone, with further pictures (depth, preview) behind the first
        return "JPEG", False
    return image.format or "array", getattr(image, "is_animated", False)


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


def _convert(image: Image.Image, settings: DecodeSettings) -> Image.Image:
    """Return the image as 8-bit grey or RGB."""
    if image.mode.startswith("I"):
        # 16 bits: Pillow's own conversion clips them to 255 instead of scaling them.
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        opaque = image.convert("RGBA")
        image = Image.new("RGB", image.size, settings.background)
        image.paste(opaque, mask=opaque.getchannel("A"))
    mode = "L" if settings.channels == 1 else "RGB"
    return image if image.mode == mode else image.convert(mode)


def _resize(image: Image.Image, settings: DecodeSettings) -> Image.Image:
    size = (settings.width, settings.height)
    return image if image.size == size else image.resize(size, Image.Resampling[settings.interpolation.upper()])


def _foreign_format(content: bytes) -> str:
    for magic, name in _OTHER_FORMATS.items():
        if content.startswith(magic):
            return f"unsupported format {name}"
    if content[4:8] == b"ftyp":
        return "unsupported format HEIC or AVIF"
    start = content[:256].lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "an HTML page, not an image"
    if start.startswith((b"<svg", b"<?xml")):
        return "unsupported format SVG or XML"
    return "not an image, or damaged at the start"


def _reason(error: Exception) -> str:
    """Return a decoder's complaint in one short line."""
    text = " ".join(str(error).split()) or type(error).__name__
    if "truncated" in text.lower():
        return "damaged: the file is cut off"
    return f"damaged: {text[:100]}"
