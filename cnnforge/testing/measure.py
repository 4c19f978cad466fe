"""The contract of measures, to subclass."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from cnnforge.evaluation import Predictions, take
from cnnforge.host import Entry, MeasureSpec, import_deferred
from cnnforge.testing.failure import fail
from cnnforge.testing.plugin import PluginContract

_UNDER_TEST = "under test"
_NUM_IMAGES = 60


class MeasureContract(PluginContract):
    """What every measure must keep. Subclass it in a class whose name starts with ``Test``, and set ``spec``.

    Attributes:
        spec: The measure, as the plugin's hook returns it.
    """

    spec: ClassVar[MeasureSpec]

    @pytest.fixture
    def probabilities(self) -> np.ndarray:
        """Return probabilities for a few images, shape (images, classes)."""
        num_classes = max(3, self.spec.needs)
        return np.random.default_rng(0).dirichlet(np.ones(num_classes), _NUM_IMAGES).astype(np.float32)

    def figure(self, probabilities: np.ndarray, labels: np.ndarray) -> float | None:
        """Return the measure of predictions; the test fails if it does, or if it changes them."""
        num_images, num_classes = probabilities.shape
        names = [f"{number}.jpg" for number in range(num_images)]
        predictions = Predictions("test", [f"class {i}" for i in range(num_classes)], names, labels, probabilities)
        figures, warnings = take(predictions, [Entry(self.spec, _UNDER_TEST)])
        if warnings:
            fail(warnings[0], "return a finite number, or None where the images have no such figure; change no array")
        return figures[self.spec.name]

    def test_the_function_can_be_imported(self) -> None:
        import_deferred(self.spec.compute, f"measure {self.spec.name!r}")

    def test_random_answers_have_a_figure(self, probabilities: np.ndarray) -> None:
        labels = np.arange(len(probabilities)) % probabilities.shape[1]
        first, second = (self.figure(probabilities, labels) for _ in range(2))
        if first is None:
            fail("there is no figure for images of every class", "return None only where a class that is needed lacks")
        if first != second:
            fail(f"the same predictions have two figures, {first} and {second}", "draw nothing at random")

    def test_right_answers_are_better_than_wrong_ones(self, probabilities: np.ndarray) -> None:
        right = self.figure(probabilities, probabilities.argmax(axis=1))
        wrong = self.figure(probabilities, probabilities.argmin(axis=1))
        if right is None or wrong is None or right == wrong or (right > wrong) != (self.spec.better == "higher"):
            fail(
                f"answers that are all right have {right}, answers that are all wrong {wrong}, and"
                f" better={self.spec.better!r}",
                "say better='higher' where a higher figure is the better one, else better='lower'",
            )

    @pytest.mark.parametrize("num_images", [1, _NUM_IMAGES])
    def test_images_of_one_class_are_no_failure(self, probabilities: np.ndarray, num_images: int) -> None:
        self.figure(probabilities[:num_images], np.zeros(num_images, np.int64))
