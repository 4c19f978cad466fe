"""Training from Python: :func:`run`, which the command ``run`` calls too."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnforge.errors import InterruptedRunError, RecipeError
from cnnforge.evaluation import asked_measures
from cnnforge.interface.session import Settings, add_plugins, registry, resolve_recipe
from cnnforge.interface.terminal import default_reporter
from cnnforge.interface.trained import Run
from cnnforge.system import Reporter

if TYPE_CHECKING:
    import keras

    from cnnforge.images import LabelledImages
    from cnnforge.running import Run as HookRun, RunDir


def run(
    recipe: str | Path | None = None,
    *,
    data: str | Path | None = None,
    architecture: str | None = None,
    model: keras.Model | Callable[..., keras.Model] | None = None,
    settings: Settings = (),
    plugins: Iterable[str | Path] = (),
    name: str | None = None,
    runs_dir: str | Path = "runs",
    resume: str | Path | Run | None = None,
    accept_changes: bool = False,
    strict_data: bool = False,
) -> Run:
    """Train a recipe, evaluate it and write a report, or go on with a run that was interrupted.

    Ctrl-C (the interrupt of a notebook's kernel) saves; the run that is returned then can be resumed.

    Args:
        recipe: A recipe's name (``"catsdogs"``) or TOML file; None with ``resume``.
        data: Folder or archive of photographs; default: as the recipe says.
        architecture: Another architecture: its name, ``"my_net.py:build"`` or ``"own.keras"``.
        model: A network of one's own instead: a function ``build(input_shape, num_classes)`` or
            ``build(options, *, input_shape, num_classes)`` that returns an uncompiled ``keras.Model``, or a
            ``keras.Model``, whose weights training begins with.
        settings: Of the recipe, by dotted key: ``{"training.epochs": 5}``; ``{"epochs": 5}`` will do.
        plugins: Python files that are plugins.
        name: Name of the run directory; default: time, recipe and a short id.
        runs_dir: Parent of the run directory.
        resume: A run to go on with: the run, its folder or its name below ``runs_dir``.
        accept_changes: Resume though recipe, plugins or images differ.
        strict_data: Stop at the first unreadable image.

    Returns:
        The run, finished or interrupted.

    Raises:
        CnnforgeError: Whatever goes wrong, as on the command line.
    """
    add_plugins(plugins)
    if model is not None and architecture is not None:
        raise RecipeError("expected either architecture or model, received both")
    prepared = prepare_run(
        None if recipe is None else str(recipe),
        data=data,
        architecture=architecture if model is None else model,
        settings=settings,
        name=name,
        runs_dir=Path(runs_dir),
        resume=None if resume is None else str(resume.directory if isinstance(resume, Run) else resume),
        accept_changes=accept_changes,
        strict_data=strict_data,
    )
    with default_reporter() as reporter, suppress(InterruptedRunError):
        prepared.train(reporter)
    return Run(prepared.directory.path)


@dataclass(frozen=True, slots=True)
class PreparedRun:
    """A run that is ready to be trained.

    Args:
        run: Its directory and recipe.
        images: What the data source opened; None: the run is finished.
        is_resumed: Whether the directory was there before.
    """

    run: HookRun
    images: LabelledImages | None
    is_resumed: bool

    @property
    def directory(self) -> RunDir:
        """The run directory."""
        return self.run.directory

    def train(self, reporter: Reporter) -> None:
        """Train, evaluate and report, unless that is done; Keras's state in this process is afterwards as before.

        Raises:
            InterruptedRunError: A signal ended it, after saving.
            CnnforgeError: Whatever else goes wrong.
        """
        recipe, images = self.run.resolved.recipe, self.images
        if images is None:
            reporter.say(f"nothing to resume: {self.directory.path} is finished")
            return
        from cnnforge.network import own_keras_state
        from cnnforge.running import execute, hold_run, reopen

        with hold_run(self.directory):
            if self.is_resumed:
                reopen(self.directory, self.run.resolved, accept_changes=self.run.accept_changes)
            if images.notice:
                reporter.warn(images.notice)
            reporter.say(f"Recipe   {recipe.name}: {self.run.resolved.architecture.spec.name} on {images.location}")
            reporter.say(f"Run      {self.directory.path}")
            with own_keras_state():
                execute(self.run, images, registry(), reporter)


def prepare_run(
    recipe: str | None,
    *,
    data: str | Path | None = None,
    architecture: Any = None,
    settings: Settings = (),
    name: str | None = None,
    runs_dir: Path = Path("runs"),
    resume: str | None = None,
    accept_changes: bool = False,
    strict_data: bool = False,
) -> PreparedRun:
    """Return a run with its directory made or found; whatever is wrong is said before the seconds that Keras takes.

    Raises:
        CnnforgeError: Recipe, data or directory are not as they must be.
    """
    from cnnforge.running import Run as HookRun, create_run_dir, find_run, is_finished

    if (recipe is None) == (resume is None):
        raise RecipeError("expected either a recipe or --resume RUN", hint="`cnnforge list recipes` lists recipes")
    if resume is not None and name is not None:
        raise RecipeError("expected --name for a new run only, received --resume beside it")
    interrupted = None if resume is None else find_run(resume, runs_dir)
    resolved = resolve_recipe(
        recipe or "" if interrupted is None else str(interrupted.recipe),
        data=data,
        architecture=architecture,
        settings=settings,
        strict_data=strict_data,
    )
    asked_measures(resolved.recipe.training, registry())
    if interrupted is not None and is_finished(interrupted, resolved):
        return PreparedRun(HookRun(interrupted, resolved), None, is_resumed=True)
    from cnnforge.data import open_source

    images = open_source(resolved)
    directory = interrupted or create_run_dir(resolved, runs_dir, name, tag=images.tag, host=registry().host)
    return PreparedRun(HookRun(directory, resolved, accept_changes), images, is_resumed=interrupted is not None)
