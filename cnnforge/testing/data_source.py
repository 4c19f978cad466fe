"""The contract of data sources, to subclass."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest

from cnnforge.host import DataSourceSpec, Options
from cnnforge.images import LabelledImages
from cnnforge.testing import source_checks
from cnnforge.testing.plugin import PluginContract
from cnnforge.testing.plugin_checks import restored


class DataSourceContract(PluginContract):
    """What every data source must keep. Subclass it in a class whose name starts with ``Test``, and set ``spec``.

    Attributes:
        spec: The data source, as the plugin's hook returns it.
        bad_options: Options, as a recipe would write them, that the source must refuse with an error for people.
            None, the default: a path that does not exist, where there is an option ``path``.
    """

    spec: ClassVar[DataSourceSpec]
    bad_options: ClassVar[tuple[dict[str, Any], ...] | None] = None

    def options(self, tiny_images: Path) -> dict[str, Any]:
        """Return the options to open the source with, as a recipe would write them.

        Args:
            tiny_images: A folder of 36 images, ``blue/blue_001.png`` and so on, of three colours. It is the option
                ``path`` unless the source opens without, or this method is overridden.
        """
        return source_checks.default_options(self.spec, tiny_images)

    @pytest.fixture
    def source_options(self, tiny_images: Path) -> Options:
        """Return the options to open the source with, checked."""
        return restored(self.spec.options, self.options(tiny_images))

    @pytest.fixture
    def images(self, source_options: Options) -> LabelledImages:
        """Return what the source opens."""
        return source_checks.opened(self.spec, source_options)

    def test_what_it_opens_is_sound(self, images: LabelledImages) -> None:
        source_checks.check_images(images)

    def test_names_and_labels_are_the_same_in_every_process(self, source_options: Options) -> None:
        source_checks.check_stable(self.spec, source_options)

    def test_images_can_be_read_again(self, images: LabelledImages) -> None:
        source_checks.check_reading(images)

    def test_images_can_be_read_from_several_threads(self, images: LabelledImages) -> None:
        source_checks.check_threads(images)

    def test_images_can_be_read_from_other_processes(self, images: LabelledImages) -> None:
        source_checks.check_pickling(images)

    def test_splits_have_every_class(self, images: LabelledImages) -> None:
        source_checks.check_splits(images)

    def test_bad_options_are_refused_in_words(self, tmp_path: Path) -> None:
        refused = self.bad_options
        if refused is None:
            refused = source_checks.default_bad_options(self.spec, tmp_path)
        for options in refused:
            source_checks.check_refuses(self.spec, options)
