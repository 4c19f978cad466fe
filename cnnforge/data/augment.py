"""Varying training images: geometry, colour, erasing, and blending images with one another.

All of an image's geometry is one affine map, so it is resampled once. OpenCV does the pixel work: the same through
Keras's layers takes five to ten times the processor time (docs/decisions/0008-augmentation-with-opencv.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from cnnforge.data.rand_augment import Pixels, random_operations, rotation
from cnnforge.errors import PluginError
from cnnforge.recipe import AugmentationSection

_ASPECT = 4 / 3  # of a random crop: from 3:4 to 4:3, as in Inception (Szegedy et al. 2015, arXiv:1409.4842)
_ERASED_AREA = (0.02, 0.25)  # of the image (Zhong et al. 2017, arXiv:1708.04896)
_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True, slots=True)
class ExtraAugmentation:
    """An augmentation that somebody else has written, its options already given to it.

    Args:
        owner: Who that is, for messages.
        function: Returns a batch of images varied; it may change the one that it is given.
    """

    owner: str
    function: Callable[[Pixels, np.random.Generator], Pixels]

    def __call__(self, images: Pixels, generator: np.random.Generator) -> Pixels:
        """Return the images varied.

        Raises:
            PluginError: The function fails, or returns what no batch of images is.
        """
        try:
            varied = self.function(images, generator)
        except Exception as error:
            raise PluginError(f"{self.owner}: {type(error).__name__}: {error}") from error
        if not isinstance(varied, np.ndarray) or varied.dtype != np.uint8 or varied.shape != images.shape:
            shape, dtype = getattr(varied, "shape", ""), getattr(varied, "dtype", "")
            received = f"{type(varied).__name__} {shape} {dtype}".strip()
            raise PluginError(f"{self.owner}: expected images of shape {images.shape} and uint8, received {received}")
        return varied


def augment_batch(
    images: Pixels,
    targets: np.ndarray,
    generator: np.random.Generator,
    settings: AugmentationSection,
    extra: Sequence[ExtraAugmentation] = (),
) -> tuple[Pixels, np.ndarray]:
    """Return a batch varied as the settings say.

    Args:
        images: Shape (images, height, width, 1 or 3), uint8; not changed.
        targets: Shape (images, units), float.
        generator: The only source of randomness.
        settings: How much of what.
        extra: Applied after what is done to each image and before images are blended.

    Raises:
        PluginError: One of these fails.
    """
    varied = np.stack([_augment_image(image, settings, generator) for image in images])
    for augmentation in extra:
        varied = augmentation(varied, generator)
    if not settings.mixes_images:
        return varied, targets
    is_cutmix = generator.random() < (settings.cutmix > 0) / ((settings.cutmix > 0) + (settings.mixup > 0))
    return (_cutmix if is_cutmix else _mixup)(varied, targets, settings, generator)


def _augment_image(image: Pixels, settings: AugmentationSection, generator: np.random.Generator) -> Pixels:
    height, width, channels = image.shape
    inverse = _geometry(height, width, settings, generator)
    color = _color(channels, settings, generator)
    inverse, changes = random_operations(settings.rand_augment, inverse, height, width, generator)
    image = _warp(image, inverse)
    if color is not None:
        image = np.asarray(cv2.transform(image, color), np.uint8).reshape(height, width, channels)
    for change in changes:
        image = change(image)
    if generator.random() < settings.erasing:
        image = _erase(image, generator)
    return image


def _geometry(height: int, width: int, settings: AugmentationSection, generator: np.random.Generator) -> np.ndarray:
    """Return the 3×3 map from a pixel of the result to a pixel of the image: crop, turn, shift and mirror at once."""
    area = generator.uniform(settings.crop, 1)
    aspect = np.exp(generator.uniform(-np.log(_ASPECT), np.log(_ASPECT))) if settings.crop < 1 else 1.0
    scale = np.minimum(1, [np.sqrt(area * aspect), np.sqrt(area / aspect)])
    place = generator.uniform(-1, 1, 2) * (1 - scale) / 2 + generator.uniform(-1, 1, 2) * settings.translation
    turn = rotation(generator.uniform(-settings.rotation, settings.rotation))
    mirror = np.where(generator.random(2) < 0.5, -1, 1) * (settings.flip != "none") + (settings.flip == "none")
    if settings.flip != "both":
        mirror[1] = 1
    centre = np.array([width - 1, height - 1]) / 2
    matrix = np.eye(3)
    matrix[:2, :2] = turn @ np.diag(scale * mirror)
    matrix[:2, 2] = centre + place * (width, height) - matrix[:2, :2] @ centre
    return matrix


def _warp(image: Pixels, inverse: np.ndarray) -> Pixels:
    height, width, channels = image.shape
    if np.allclose(inverse, np.eye(3)):
        return image
    warped = cv2.warpAffine(
        image,
        inverse[:2],
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return np.asarray(warped, np.uint8).reshape(height, width, channels)


def _color(channels: int, settings: AugmentationSection, generator: np.random.Generator) -> np.ndarray | None:
    """Return the matrix that changes brightness, contrast and, of colours, saturation; None for no change."""
    if not settings.color:
        return None
    brightness, contrast, saturation = generator.uniform(-settings.color, settings.color, 3)
    mix = np.eye(channels, dtype=np.float32)
    if channels == 3:
        mix = (1 + saturation) * mix - saturation * np.tile(_LUMINANCE, (3, 1))
    offset = np.full((channels, 1), 128 * (brightness - contrast), np.float32)
    return np.hstack([(1 + contrast) * mix, offset]).astype(np.float32)


def _erase(image: Pixels, generator: np.random.Generator) -> Pixels:
    top, left, bottom, right = _rectangle(image.shape[0], image.shape[1], generator.uniform(*_ERASED_AREA), generator)
    erased = image.copy()
    erased[top:bottom, left:right] = generator.integers(0, 256, image.shape[2], np.uint8)
    return erased


def _rectangle(height: int, width: int, area: float, generator: np.random.Generator) -> tuple[int, int, int, int]:
    """Return top, left, bottom, right of a random rectangle of that share of the image and the image's proportions."""
    tall, wide = round(height * np.sqrt(area)), round(width * np.sqrt(area))
    top, left = generator.integers(0, height - tall + 1), generator.integers(0, width - wide + 1)
    return int(top), int(left), int(top) + tall, int(left) + wide


def _mixup(
    images: Pixels, targets: np.ndarray, settings: AugmentationSection, generator: np.random.Generator
) -> tuple[Pixels, np.ndarray]:
    """Blend each image with another of the batch (Zhang et al. 2017, arXiv:1710.09412)."""
    partners = generator.permutation(len(images))
    share = generator.beta(settings.mixup, settings.mixup, (len(images), 1)).astype(np.float32)
    pairs = zip(images, images[partners], share[:, 0], strict=True)
    blended = np.stack([cv2.addWeighted(a, float(s), b, 1 - float(s), 0).reshape(a.shape) for a, b, s in pairs])
    return blended, share * targets + (1 - share) * targets[partners]


def _cutmix(
    images: Pixels, targets: np.ndarray, settings: AugmentationSection, generator: np.random.Generator
) -> tuple[Pixels, np.ndarray]:
    """Paste a piece of another image of the batch into each (Yun et al. 2019, arXiv:1905.04899)."""
    height, width = images.shape[1:3]
    partners = generator.permutation(len(images))
    pasted = images.copy()
    share = np.ones((len(images), 1), np.float32)
    for row, partner in enumerate(partners):
        area = 1 - generator.beta(settings.cutmix, settings.cutmix)
        top, left, bottom, right = _rectangle(height, width, area, generator)
        pasted[row, top:bottom, left:right] = images[partner, top:bottom, left:right]
        share[row] = 1 - (bottom - top) * (right - left) / (height * width)
    return pasted, share * targets + (1 - share) * targets[partners]
