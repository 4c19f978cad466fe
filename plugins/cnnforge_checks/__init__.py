"""Do the settings of ``[training]`` mean what they say? Checked together, before the first epoch.

What a recipe alone shows is refused before Keras is imported; the rest by one dry step, in which loss and metrics are
given right and wrong answers, and the network a few drawn images.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cnnforge

if TYPE_CHECKING:
    import keras

    from cnnforge.host import Registry
    from cnnforge.recipe import TrainingSection
    from cnnforge.running import Run


@cnnforge.hookimpl
def cnnforge_training_settings(training: TrainingSection, registry: Registry) -> list[str]:
    """Refuse what the recipe alone shows."""
    from cnnforge_checks.settings import check_settings

    check_settings(training, registry)
    return []


@cnnforge.hookimpl
def cnnforge_model_built(run: Run, model: keras.Model, registry: Registry) -> list[str]:
    """Refuse what shows with the network, without changing it."""
    from cnnforge_checks.dry_step import check_network

    check_network(run, model, registry)
    return []


@cnnforge.hookimpl
def cnnforge_run_ended(run: Run) -> list[str]:
    """Say which callbacks could have done nothing in so few epochs."""
    from cnnforge_checks.settings import idle_callbacks

    return idle_callbacks(run.resolved.recipe.training)
