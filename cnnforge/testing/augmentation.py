"""The contract of augmentations, to subclass."""

from __future__ import annotations

import random
from typing import Any, ClassVar

import numpy as np
import pytest

from cnnforge.data import ExtraAugmentation
from cnnforge.errors import CnnforgeError
from cnnforge.host import AugmentationSpec, import_deferred
from cnnforge.testing.failure import fail
from cnnforge.testing.plugin import PluginContract
from cnnforge.testing.plugin_checks import restored

_SHAPES = {"colour": (16, 24, 32, 3), "grey": (16, 32, 24, 1), "one image": (1, 24, 32, 3)}
_SEEDS = range(8)


class AugmentationContract(PluginContract):
    """What every augmentation must keep. Subclass it in a class whose name starts with ``Test``, and set ``spec``.

    Attributes:
        spec: The augmentation, as the plugin's hook returns it.
        options: Options, as a recipe would write them, with which it varies half of the images or more; {} by default.
    """

    spec: ClassVar[AugmentationSpec]
    options: ClassVar[dict[str, Any]] = {}

    @pytest.fixture(params=list(_SHAPES))
    def images(self, request: pytest.FixtureRequest) -> np.ndarray:
        """Return a batch of images: smooth, with noise."""
        _, height, width, _ = shape = _SHAPES[request.param]
        ramp = np.linspace(30, 180, height)[:, None, None] + np.linspace(0, 30, width)[None, :, None]
        return (ramp + np.random.default_rng(0).integers(0, 40, shape)).astype(np.uint8)

    def varied(self, images: np.ndarray, seed: int) -> np.ndarray:
        """Return a copy of the images, varied; the test fails if the function does, or returns no such batch."""
        options = restored(self.spec.options, self.options)
        apply = import_deferred(self.spec.apply, f"augmentation {self.spec.name!r}")
        checked = ExtraAugmentation(self.spec.name, lambda batch, generator: apply(batch, generator, options))
        try:
            return checked(images.copy(), np.random.default_rng(seed))
        except CnnforgeError as error:
            fail(str(error), "return uint8 images of the shape that was given, for grey and for colour", error)

    def test_returns_images_as_they_were_given(self, images: np.ndarray) -> None:
        self.varied(images, 0)

    def test_varies_images(self, images: np.ndarray) -> None:
        if all(np.array_equal(self.varied(images, seed), images) for seed in _SEEDS):
            fail(f"no image is varied in {len(_SEEDS)} batches", "set options with which it varies many")

    def test_draws_from_the_generator_alone(self, images: np.ndarray) -> None:
        results = []
        for seed in (1, 2):
            random.seed(seed)
            np.random.seed(seed)
            results.append(self.varied(images, 0))
        if not np.array_equal(results[0], results[1]):
            fail("the same images and generator give two results", "draw all that is random from the generator")

    def test_keeps_nothing_from_batch_to_batch(self, images: np.ndarray) -> None:
        first = self.varied(images, 0)
        before = first.copy()
        for seed in _SEEDS:
            self.varied(images, seed)
        if not np.array_equal(first, before):
            fail("a batch changes when the next is varied", "return the images or new ones, never a buffer of your own")
        if not np.array_equal(self.varied(images, 0), before):
            fail("what was varied before decides how a batch is varied", "keep no state between two calls")
