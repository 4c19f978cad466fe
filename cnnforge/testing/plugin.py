"""The part of a contract that all kinds of specs share."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from cnnforge.testing import plugin_checks


class PluginContract:
    """Checks of what a plugin says of itself."""

    spec: ClassVar[Any]

    def test_the_entry_module_is_installed_and_light(self) -> None:
        plugin_checks.check_entry_module_is_light(plugin_checks.entry_module(self.spec))

    def test_the_spec_is_sound(self) -> None:
        plugin_checks.check_spec(self.spec)

    def test_the_options_can_be_written_into_a_recipe(self) -> None:
        if not hasattr(self.spec, "options"):
            pytest.skip("has no options")
        plugin_checks.check_options(self.spec.options)
