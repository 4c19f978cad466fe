"""Augmentations that lower the quality of photographs: blur and JPEG compression.

Networks that were trained on sharp images alone are wrong about many that are not (Dodge and Karam 2016,
arXiv:1604.04004; Hendrycks and Dietterich 2019, arXiv:1903.12261).
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from cnnforge_directory import BlurOptions, JpegOptions

_MIN_SIGMA = 0.1  # of SimCLR (Chen et al. 2020, arXiv:2002.05709), whose 0.1 to 2 is of images of 224×224
_MAX_QUALITY = 95  # above it JPEG is hardly seen

Pixels = np.ndarray[Any, np.dtype[np.uint8]]


def gaussian_blur(images: Pixels, generator: np.random.Generator, options: BlurOptions) -> Pixels:
    """Return the images, a share of them blurred.

    Args:
        images: Shape (images, height, width, 1 or 3), uint8; changed.
        generator: The only source of randomness.
        options: How many and how strongly.
    """
    chosen = generator.random(len(images)) < options.share
    sigmas = generator.uniform(_MIN_SIGMA, options.max_sigma, len(images))
    for row in np.flatnonzero(chosen):
        images[row] = cv2.GaussianBlur(images[row], (0, 0), float(sigmas[row])).reshape(images[row].shape)
    return images


def jpeg(images: Pixels, generator: np.random.Generator, options: JpegOptions) -> Pixels:
    """Return the images, a share of them compressed as JPEG and decoded again.

    Args:
        images: Shape (images, height, width, 1 or 3), uint8; changed.
        generator: The only source of randomness.
        options: How many and how strongly.
    """
    chosen = generator.random(len(images)) < options.share
    qualities = generator.integers(options.min_quality, _MAX_QUALITY, len(images), endpoint=True)
    for row in np.flatnonzero(chosen):
        blue_first = np.ascontiguousarray(images[row][:, :, ::-1])  # as OpenCV takes colours; grey has one channel
        _, encoded = cv2.imencode(".jpg", blue_first, [cv2.IMWRITE_JPEG_QUALITY, int(qualities[row])])
        decoded = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED), np.uint8)
        images[row] = decoded.reshape(images[row].shape)[:, :, ::-1]
    return images
