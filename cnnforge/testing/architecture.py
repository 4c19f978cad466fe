"""The contract of architectures, to subclass."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import keras
import pytest

from cnnforge.host import ArchitectureSpec
from cnnforge.testing import learning_checks, network_checks
from cnnforge.testing.network import Network
from cnnforge.testing.plugin import PluginContract
from cnnforge.testing.plugin_checks import restored


class ArchitectureContract(PluginContract):
    """What every architecture must keep. Subclass it in a class whose name starts with ``Test``, and set ``spec``.

    Attributes:
        spec: The architecture, as the plugin's hook returns it.
        options: Options that differ from the defaults, as a recipe would write them; {} by default.
        input_shape: Height, width and channels to build for; None, the default, is the spec's.
        backends: Keras backends that the network is meant for; ``("tensorflow",)`` by default. Those that are not
            installed are skipped.
    """

    spec: ClassVar[ArchitectureSpec]
    options: ClassVar[dict[str, Any]] = {}
    input_shape: ClassVar[tuple[int, int, int] | None] = None
    backends: ClassVar[tuple[str, ...]] = ("tensorflow",)

    @pytest.fixture
    def network(self) -> Network:
        """Return the architecture with the options that this class sets."""
        options = restored(self.spec.options, self.options)
        return Network(self.spec, options, self.input_shape or self.spec.input_shape)

    def test_build_returns_a_model_that_is_built_and_not_compiled(self, network: Network) -> None:
        network.build()

    @pytest.mark.parametrize("num_classes", [2, 7])
    def test_gives_probabilities(self, network: Network, num_classes: int) -> None:
        network_checks.check_probabilities(network.build(num_classes))

    def test_takes_images_of_several_sizes(self, network: Network) -> None:
        network_checks.check_sizes(network)

    def test_refuses_images_that_are_too_small(self, network: Network) -> None:
        network_checks.check_small_images(network)

    def test_every_corner_of_the_search_space_builds(self, network: Network) -> None:
        network_checks.check_corners(network)

    def test_the_own_search_space_draws_options_that_build(self, network: Network) -> None:
        if not self.spec.search_space:
            pytest.skip("brings no search space of its own")
        network_checks.check_search_space(network)

    def test_the_seed_decides_the_weights(self, network: Network) -> None:
        network_checks.check_seed(network)

    def test_is_the_same_after_saving_and_loading(self, network: Network, tmp_path: Path) -> None:
        network_checks.check_saving(network.build(), tmp_path)

    def test_is_the_same_when_built_again(self, network: Network, tmp_path: Path) -> None:
        network_checks.check_own_weights(network, tmp_path)

    def test_the_backbone_is_a_layer(self, network: Network) -> None:
        if not self.spec.backbone:
            pytest.skip("names no backbone")
        network_checks.check_backbone(network.build(), self.spec.backbone)

    @pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
    def test_trains_in_every_precision(self, network: Network, policy: str) -> None:
        learning_checks.check_precision(network, policy)

    def test_every_trainable_weight_learns(self, network: Network) -> None:
        learning_checks.check_every_weight_learns(network)

    def test_two_trainings_of_one_seed_are_the_same(self, network: Network) -> None:
        learning_checks.check_repeats(network)

    def test_learns_a_few_images_by_heart(self, network: Network) -> None:
        learning_checks.check_learns_by_heart(network)

    @pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
    def test_computes_the_same_on_other_backends(self, network: Network, backend: str, tmp_path: Path) -> None:
        if backend not in self.backends or backend == keras.backend.backend():
            pytest.skip("not claimed" if backend not in self.backends else "the backend of these tests")
        pytest.importorskip(backend)
        network_checks.check_backend(network, backend, tmp_path)
