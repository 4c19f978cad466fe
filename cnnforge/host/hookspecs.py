"""The hooks: this file is the index of the plugin interface.

A plugin implements any of them with ``@cnnforge.hookimpl`` in the module that its entry point (group ``cnnforge``)
names. All hooks collect: every plugin may answer. An implementation may take fewer arguments than the hook has, so
a hook that gains one later breaks nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import pluggy

from cnnforge.host.kinds import KINDS
from cnnforge.host.specs import Spec

if TYPE_CHECKING:
    import keras
    import numpy as np

    from cnnforge.data import Manifest
    from cnnforge.evaluation import Predictions
    from cnnforge.host.registry import Registry
    from cnnforge.recipe import TrainingSection
    from cnnforge.running import Run

PROJECT = "cnnforge"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


def _hook_of(kind: type[Spec]) -> Callable[[], Iterable[Spec]]:
    """Return the hook that asks plugins for what they bring of a kind."""

    def hook() -> Iterable[Spec]: ...  # type: ignore[empty-body]

    hook.__name__ = kind.hook
    hook.__doc__ = f"Return the {kind.hook.removeprefix('cnnforge_').replace('_', ' ')} this plugin brings."
    hook.__annotations__["return"] = f"Iterable[{kind.__name__}]"
    return hookspec(hook)


# One hook for each kind of spec, such as ``cnnforge_architectures() -> Iterable[ArchitectureSpec]``.
globals().update({kind.hook: _hook_of(kind) for kind in KINDS.values()})


@hookspec
def cnnforge_training_settings(training: TrainingSection, registry: Registry) -> Iterable[str]:  # type: ignore[empty-body]
    """Return nothing; raise a ``RecipeError`` where settings of ``[training]`` do not fit one another.

    Asked by every command that trains, before Keras is imported; light.
    """


@hookspec
def cnnforge_model_built(run: Run, model: keras.Model, registry: Registry) -> Iterable[str]:  # type: ignore[empty-body]
    """Return lines that say how this plugin has changed the computing of training steps, for the run's conditions.

    Asked right after a model was compiled to be trained or to have its speed measured, and again where a run compiles
    it anew (fine-tuning): an implementation may change how training steps are computed, never what. A resumed run
    whose first lines are others than before says that its bits may be too. ``run.directory`` is an empty folder
    where there is no run but a measurement. A ``RecipeError`` ends the run: recipe and network do not fit.
    """


@hookspec
def cnnforge_callbacks(run: Run) -> Iterable[keras.callbacks.Callback]:  # type: ignore[empty-body]
    """Return Keras callbacks for one run; asked when training starts, Keras already imported.

    What they keep in attributes of plain values is part of every checkpoint, so that a resumed run goes on with it.
    """


@hookspec
def cnnforge_data_prepared(manifest: Manifest) -> Iterable[str]:  # type: ignore[empty-body]
    """Return warnings about the images of a run or of ``cnnforge data check``, from what the scan learnt of each.

    They are shown with the others, and kept in the run's record and report.
    """


@hookspec
def cnnforge_evaluated(  # type: ignore[empty-body]
    run: Run,
    registry: Registry,
    model: keras.Model,
    predictions: Predictions,
    pixels: Callable[[np.ndarray], np.ndarray],
) -> Iterable[str]:
    """Return lines to show when the best model of a run has been evaluated, before its report is written.

    Time to keep in the run directory what only network and images can tell, for a section of the report to show.
    ``pixels(positions)`` returns the images of the predictions at these positions as the network takes them, shape
    (images, height, width, channels), uint8. What fails is a warning, and the run goes on.
    """


@hookspec
def cnnforge_run_ended(run: Run) -> Iterable[str]:  # type: ignore[empty-body]
    """Return lines to show when a run has ended, its model and report written if it went well.

    ``run.directory.read_run()["status"]`` says whether it is ``"finished"``, ``"failed"`` or ``"interrupted"``.
    """
