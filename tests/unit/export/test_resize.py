"""Resizing in a graph gives Pillow's pixels, every one of them."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from cnnforge_export.resize import resize

SIZES = [(48, 40), (57, 48), (160, 300), (700, 90), (97, 50), (3, 5), (736, 41), (48, 39)]


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos"])
def test_every_pixel_is_pillows(interpolation: str) -> None:
    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), tf.float32)])
    def in_graph(images: tf.Tensor) -> tf.Tensor:
        return resize(images, 48, 40, interpolation)

    for size in SIZES:
        images = np.random.default_rng(0).integers(0, 256, (2, *size, 3), np.uint8)
        expected = [Image.fromarray(i).resize((40, 48), Image.Resampling[interpolation.upper()]) for i in images]
        np.testing.assert_array_equal(in_graph(images.astype(np.float32)), np.stack(expected), str(size))
