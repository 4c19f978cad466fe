"""The cases of figure 4 that are about searches and plugins: what changed between two starts, who hides whom."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def _our_change(folder: Path, *override: str, data: str = "f00d") -> bool:
    """Go on with a study that was started with the recipe as it is."""
    from cnnforge_tuning.study_dir import StudyDir, check_same, identity
    from tests.unit.tuning.conftest import make_plan

    directory = StudyDir(folder)
    planned = make_plan()
    directory.update(identity=identity(planned.resolved, planned.space, "f00d"))
    planned = make_plan(*override)
    check_same(directory, identity(planned.resolved, planned.space, data))
    return False


def _oracle(folder: Path, choices: list[int], objective: str = "val_loss", direction: str = "min") -> Any:
    import keras_tuner

    space = keras_tuner.HyperParameters()
    space.Choice("filters", choices)
    oracle = keras_tuner.oracles.RandomSearchOracle(
        objective=keras_tuner.Objective(objective, direction), max_trials=9, hyperparameters=space, seed=1
    )
    oracle.verbose = 0
    oracle._set_project_dir(str(folder), "search")
    if (folder / "search" / "oracle.json").exists():
        oracle.reload()
    return oracle


def _trial(oracle: Any, **metrics: float) -> Any:
    trial = oracle.create_trial("tuner0")
    oracle.update_trial(trial.trial_id, metrics)
    trial.status = "COMPLETED"
    oracle.end_trial(trial)
    oracle.save()
    return trial


def their_space_is_searched(folder: Path) -> bool:
    _trial(_oracle(folder, [4, 8, 16]), val_loss=0.5)
    trial = _trial(_oracle(folder, [32, 64]), val_loss=0.4)
    return trial.hyperparameters.values["filters"] in {32, 64}


def their_objective_is_ranked(folder: Path) -> bool:
    first = _oracle(folder, [4, 8, 16])
    _trial(first, val_loss=0.9, val_accuracy=0.5)
    _trial(first, val_loss=0.2, val_accuracy=0.9)
    best = _oracle(folder, [4, 8, 16], "val_accuracy", "max").get_best_trials(1)[0]
    return bool(best.metrics.get_best_value("val_accuracy") == 0.9)


_HOOKS = """
import cnnforge
@cnnforge.hookimpl
def cnnforge_architectures():
    yield cnnforge.ArchitectureSpec(name="{name}", summary="one", build="nowhere:build")
"""


@contextmanager
def _two_of_one_name(folder: Path) -> Iterator[None]:
    """Two distributions whose entry points have one name."""
    from tests.conftest import SITE, Site

    site = Site(folder / SITE)
    site.path.mkdir()
    for name in ("first", "second"):
        site.install(f"silent-{name}", _HOOKS.format(name=name), entry_point="same")
    sys.path.insert(0, str(site.path))
    try:
        yield
    finally:
        sys.path.remove(str(site.path))
        for module in site.modules:
            sys.modules.pop(module, None)


def our_plugins_are_both_there(folder: Path) -> bool:
    from cnnforge.host.plugin_host import PluginHost
    from cnnforge.host.registry import Registry

    with _two_of_one_name(folder):
        registry = Registry(PluginHost.discover({}))
        return {"first", "second"} <= registry.architectures.entries.keys()


def their_plugins_are_both_there(folder: Path) -> bool:
    import pluggy

    from cnnforge.host import hookspecs

    with _two_of_one_name(folder):
        manager = pluggy.PluginManager(hookspecs.PROJECT)
        manager.add_hookspecs(hookspecs)
        manager.load_setuptools_entrypoints("cnnforge")
        found = {spec.name for specs in manager.hook.cnnforge_architectures() for spec in specs}
        return {"first", "second"} <= found


CASES: tuple[tuple[str, Callable[[Path], bool], Callable[[Path], bool], str], ...] = (
    (
        "TUN12 space changed",
        lambda f: _our_change(f, "tuning.space.training.learning_rate={high=0.1}"),
        their_space_is_searched,
        "Keras Tuner",
    ),
    (
        "TUN13 objective changed",
        lambda f: _our_change(f, "tuning.objective=val_loss"),
        their_objective_is_ranked,
        "Keras Tuner",
    ),
    ("PLG11 two entry points of one name", our_plugins_are_both_there, their_plugins_are_both_there, "pluggy"),
)
