"""Images as people have them: paths, bytes, open files, PIL images, arrays, tensors; one or many."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image, ImageOps

from cnnforge.errors import DataError
from cnnforge.images import GivenImage, given_images

OneImage = str | os.PathLike[str] | bytes | IO[bytes] | Image.Image | np.ndarray | Any
"""A path (of several images too: a folder, a zip archive, a pattern), a file's content, pixels; Any: a tensor."""

Images = OneImage | Iterable[OneImage]
"""One image or many."""

_CHANNELS = (1, 3, 4)
_LOSSLESS = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")  # modes of Pillow that a PNG file keeps as they are


def given(images: Images, notes: list[str]) -> Iterator[GivenImage]:
    """Yield images in the order given.

    Args:
        images: One or many.
        notes: Gets a line for whatever had to be assumed of arrays.

    Raises:
        DataError: Something is no image at all, such as an array of that shape.
    """
    several: Iterable[OneImage] = [images] if _is_one(images) or not isinstance(images, Iterable) else images
    for number, image in enumerate(several):
        yield from _images(image, f"image {number}", notes)


def _is_one(images: object) -> bool:
    return isinstance(images, str | os.PathLike | bytes | Image.Image) or hasattr(images, "read") or _is_array(images)


def _is_array(value: object) -> bool:
    return hasattr(value, "shape") and hasattr(value, "dtype")


def _images(image: OneImage, name: str, notes: list[str]) -> Iterator[GivenImage]:
    if isinstance(image, str | os.PathLike):
        yield from given_images([os.fspath(image)], io.BufferedReader(io.BytesIO()))
    elif isinstance(image, Image.Image):
        yield GivenImage(str(getattr(image, "filename", "")) or name, partial(_png, image))
    elif isinstance(image, bytes):
        yield GivenImage(name, lambda: image)
    elif hasattr(image, "read"):
        content = image.read()
        yield GivenImage(Path(str(getattr(image, "name", name))).name, lambda: content)
    elif _is_array(image):
        pixels, is_batch = _pixels(image, notes)
        for number, one in enumerate(pixels):
            yield GivenImage(f"{name}[{number}]" if is_batch else name, partial(np.ascontiguousarray, one))
    else:
        raise DataError(f"expected images (paths, bytes, files, PIL images, arrays), received {type(image).__name__}")


def _png(image: Image.Image) -> bytes:
    """Return an image turned upright as a PNG file, which decodes by the rules of all files."""
    upright = ImageOps.exif_transpose(image)
    content = io.BytesIO()
    converted = upright if upright.mode in _LOSSLESS else upright.convert("RGB")
    converted.save(content, "PNG", compress_level=0)
    return content.getvalue()


def _pixels(tensor: Any, notes: list[str]) -> tuple[np.ndarray, bool]:
    """Return a uint8 batch (images, height, width, channels), and whether it was given as a batch.

    Raises:
        DataError: It cannot be images.
    """
    if hasattr(tensor, "detach"):  # of PyTorch, perhaps with gradients, perhaps on another device
        tensor = tensor.detach().cpu()
    array = np.asarray(tensor)
    is_image = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in _CHANNELS)
    is_first = array.ndim >= 3 and array.shape[-3] in _CHANNELS and array.shape[-1] not in _CHANNELS
    if is_first or not (is_image or array.ndim == 3 or (array.ndim == 4 and array.shape[3] in _CHANNELS)):
        raise DataError(
            f"expected arrays (height, width, 1, 3 or 4 channels) or batches of them, received shape={array.shape}",
            hint="channels stand last: np.moveaxis(array, -3, -1)",
        )
    batch = array[None] if is_image else array
    batch = batch[..., None] if batch.ndim == 3 else batch
    return _as_bytes(batch, notes), not is_image


def _as_bytes(array: np.ndarray, notes: list[str]) -> np.ndarray:
    """Return numbers 0 to 255; of fractions 0 to 1 the 255-fold, which is noted."""
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_ or array.dtype.kind not in "iuf" or not np.isfinite(array).all():
        raise DataError(f"expected numbers 0 to 255, received an array of {array.dtype} that has others")
    low, high = (float(array.min()), float(array.max())) if array.size else (0.0, 0.0)
    if low < 0 or high > 255:
        raise DataError(
            f"expected numbers 0 to 255, received {low:g} to {high:g}",
            hint="give images as they are, before any scaling: the network scales them itself",
        )
    if array.dtype.kind == "f" and high <= 1:
        notes.append("floats of 0 to 1 were taken for fractions and multiplied by 255")
        array = array * 255
    elif array.dtype.kind == "f" and (array != np.round(array)).any():
        notes.append("floats were rounded to whole numbers, as files hold them")
    return np.round(array).astype(np.uint8)
