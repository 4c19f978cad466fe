"""The one function that turns an image file into pixels, for training, evaluation and prediction alike.

Rules: the content decides the format, not the file's name; sizes are checked before any pixel is allocated; the
photograph is turned upright as its EXIF data say; transparent pixels show the background colour; 16 bits are scaled
to 8; of an animation the first frame counts. What cannot be decoded in full, or not in reasonable time, is refused.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import PIL
from PIL import Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from cnnforge.data.effort import BoundedReader, UnreadableImageError, check_chunks, check_effort
from cnnforge.data.foreign import foreign_format, is_raw, unsupported
from cnnforge.data.photographs import UnusualPixelsError, open_image, render
from cnnforge.images import MAX_FILE_BYTES, TOO_LARGE
from cnnforge.recipe import DataSection

_JPEG_MAX_PIXELS_PER_BYTE = 512  # at least one bit for 8×8 pixels; with fewer, the decoder paints the rest grey
_RULES = "2"  # one more whenever the same file gives other pixels than before
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
    """Pixels at the wanted size, and what the file was.

    ``width`` and ``height`` are the photograph's, upright; ``is_transparent``: the background shows somewhere;
    ``is_deep``: grey with more than 8 bits.
    """

    pixels: np.ndarray
    image: Image.Image
    width: int
    height: int
    format: str
    is_animated: bool
    is_transparent: bool = False
    is_deep: bool = False


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
            photograph = render(image, settings)
            del image
    except UnreadableImageError:
        raise
    except Exception as error:  # a decoder may raise anything on a damaged file
        raise UnreadableImageError(_reason(error)) from error
    pixels = np.frombuffer(photograph.image.tobytes(), np.uint8).reshape(settings.shape)
    return DecodedImage(pixels, *photograph[:3], image_format, is_animated, *photograph[3:])


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
        image = open_image(reader)
    except UnidentifiedImageError:
        raise UnreadableImageError(foreign_format(content)) from None
    except Image.DecompressionBombError:
        raise UnreadableImageError(f"more than {max_pixels} pixels") from None
    num_pixels = image.width * image.height
    if num_pixels > max_pixels:
        raise UnreadableImageError(f"{image.width}×{image.height}, more than {max_pixels} pixels")
    if isinstance(image, JpegImageFile) and num_pixels > _JPEG_MAX_PIXELS_PER_BYTE * len(content):
        raise UnreadableImageError(f"damaged: too few bytes for {image.width}×{image.height} pixels")
    check_effort(image, content, reader)
    if image.format == "TIFF" and is_raw(image, content):
        raise UnreadableImageError(unsupported())
    return image


def _kind(image: Image.Image) -> tuple[str, bool]:
    """Return the format and whether it is an animation."""
    if image.format == "MPO":  # a JPEG file of a telephone, with further pictures (depth, preview) behind the first
        return "JPEG", False
    return image.format or "array", getattr(image, "is_animated", False)


def decoder_versions() -> dict[str, str]:
    """Return what pixels depend on beside the file and the settings: the versions of the decoders and of the rules."""
    installed = {"pillow": PIL.__version__, "rules": _RULES}
    with suppress(PackageNotFoundError):
        installed["pillow-heif"] = version("pillow-heif")
    return installed


def _reason(error: Exception) -> str:
    """Return a decoder's complaint in one short line."""
    if isinstance(error, UnusualPixelsError):
        return str(error)
    text = " ".join(str(error).split()) or type(error).__name__
    if "truncated" in text.lower():
        return "damaged: the file is cut off"
    return f"damaged: {text[:100]}"
