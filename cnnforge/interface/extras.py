"""What plugins bring to Python: each function asks the registry for the one that the plugin's command has."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnforge.interface.session import Settings, add_plugins, plugin_function
from cnnforge.interface.trained import Run

if TYPE_CHECKING:
    from cnnforge_compare.interface import Comparison, Reproduced
    from cnnforge_data.dataset import Dataset, DataSummary
    from cnnforge_tuning.interface import Study


def tune(
    recipe: str | Path,
    *,
    data: str | Path | None = None,
    architecture: str | None = None,
    trials: int | None = None,
    algorithm: str | None = None,
    search: Iterable[str] = (),
    settings: Settings = (),
    plugins: Iterable[str | Path] = (),
    name: str | None = None,
    studies_dir: str | Path = "studies",
    minutes: float | None = None,
    **options: Any,
) -> Study:
    """Search better settings of a recipe; a study of that name goes on.

    Args:
        recipe: A recipe's name or file.
        data: Folder or archive of photographs.
        architecture: Another architecture.
        trials: Configurations to try; default: as the recipe says.
        algorithm: How they are chosen: ``random``, ``bayesian``, ``hyperband``, ``grid`` or a plugin's.
        search: Settings to search, by dotted key; default: those that the recipe names.
        settings: Of the recipe, by dotted key.
        plugins: Python files that are plugins.
        name: Of the study; default: the recipe's.
        studies_dir: Parent of the study's folder.
        minutes: No trial is started after so many.
        options: ``executor``, ``workers`` and ``fork``, as of the command.

    Raises:
        CnnforgeError: Whatever goes wrong, as on the command line.
    """
    add_plugins(plugins)
    study: Study = plugin_function("tune")(
        str(recipe),
        data=data,
        architecture=architecture,
        trials=trials,
        algorithm=algorithm,
        search=list(search),
        settings=settings,
        name=name,
        studies_dir=Path(studies_dir),
        minutes=minutes,
        **options,
    )
    return study


def compare(*runs: Run | str | Path) -> Comparison:
    """Compare runs: recipes, measures, and where they disagree, with McNemar's test.

    Args:
        runs: Two to eight: runs, their folders or names.

    Raises:
        RecipeError: One of them is no run, or they are not different ones.
    """
    comparison: Comparison = plugin_function("compare")([_run(run) for run in runs])
    return comparison


def reproduce(run: Run | str | Path, *, data: str | Path | None = None, runs_dir: str | Path = "runs") -> Reproduced:
    """Train a run again from its record and say whether the result is the same.

    Args:
        run: A finished run, its folder or name.
        data: Where its photographs are now; default: where they were.
        runs_dir: Parent of the new run directory.

    Raises:
        RecipeError: The run is not finished.
    """
    reproduced: Reproduced = plugin_function("reproduce")(_run(run), data=data, runs_dir=Path(runs_dir))
    return reproduced


def check(
    data: str | Path | None = None, *, recipe: str | Path = "directory-cnn", settings: Settings = ()
) -> DataSummary:
    """Return what photographs there are, what is left out and why, and what occurs twice.

    Args:
        data: Folder or archive of photographs; default: the recipe's own.
        recipe: Whose data source and settings are used.
        settings: Of the recipe, by dotted key.

    Raises:
        DataError: They cannot be used as they are.
    """
    summary: DataSummary = plugin_function("data check")(data, recipe=str(recipe), settings=settings)
    return summary


def open_data(
    data: str | Path | None = None,
    *,
    recipe: str | Path = "directory-cnn",
    settings: Settings = (),
    augment: bool = False,
    one_hot: bool = True,
) -> Dataset:
    """Return photographs as CNNForge trains on them, for a loop of one's own.

    Args:
        data: Folder or archive of photographs; default: the recipe's own.
        recipe: Whose data source and settings are used.
        settings: Of the recipe, by dotted key: ``{"image_size": [96, 96], "batch_size": 16}``.
        augment: Whether training images are varied as ``[training.augmentation]`` says.
        one_hot: Targets as rows of zeros and a one, of two classes as 0 and 1 of one sigmoid unit; False: indices.

    Raises:
        DataError: They cannot be used as they are.
    """
    dataset: Dataset = plugin_function("data arrays")(
        data, recipe=str(recipe), settings=settings, augment=augment, one_hot=one_hot
    )
    return dataset


def _run(run: Run | str | Path) -> Run:
    return run if isinstance(run, Run) else Run(run)
