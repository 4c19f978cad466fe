"""A run as Python users have it: what it came to, its network, and everything that can be done with it."""

from __future__ import annotations

import tomllib
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnforge.evaluation import measure_specs
from cnnforge.interface.display import Display
from cnnforge.interface.session import (
    Settings,
    add_plugins,
    load_trained,
    plugin_function,
    registry,
)
from cnnforge.report import excerpt, measured_figures
from cnnforge.running import find_run, list_runs, summarize
from cnnforge.system import read_lines

if TYPE_CHECKING:
    from collections.abc import Iterable

    import keras

    from cnnforge.running import TrainedRun
    from cnnforge_predict.given import Images
    from cnnforge_predict.interface import Predictions


class Run:
    """A run: finished, interrupted or under way. What it says is read from its directory when it is asked for.

    Args:
        directory: The run directory.

    Raises:
        RecipeError: There is no run in it.
    """

    def __init__(self, directory: str | Path) -> None:
        self._files = find_run(str(directory))

    @property
    def directory(self) -> Path:
        """The run directory."""
        return self._files.path

    @property
    def name(self) -> str:
        """The name of its directory."""
        return self.directory.absolute().name

    @property
    def status(self) -> str:
        """``finished``, ``interrupted``, ``failed``, ``running`` or ``killed``."""
        return summarize(self._files).status

    @property
    def recipe(self) -> dict[str, Any]:
        """The complete recipe: a dict of its sections."""
        return tomllib.loads(self._files.recipe.read_text(encoding="utf-8"))

    @property
    def history(self) -> dict[str, list[float | None]]:
        """What each epoch measured, as ``keras.callbacks.History`` has it; None where an epoch did not."""
        epochs = [line for line in read_lines(self._files.metrics) if "epoch" in line]
        keys = dict.fromkeys(key for line in epochs for key in line)
        return {key: [line.get(key) for line in epochs] for key in keys}

    @property
    def evaluation(self) -> dict[str, Any]:
        """The content of ``evaluation.json``; empty before the run was evaluated."""
        return self._files.read_evaluation() if self._files.evaluation.is_file() else {}

    @property
    def measures(self) -> dict[str, float | None]:
        """The measures of the evaluation, by name: accuracy, loss and what plugins measure."""
        return dict(self.evaluation.get("measures", {}))

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, in the order of the network's outputs; empty before the images were read."""
        return tuple(self._files.read_run().get("data", {}).get("class_names", ()))

    @property
    def report(self) -> Path:
        """The report, an HTML file."""
        return self._files.report

    @cached_property
    def trained(self) -> TrainedRun:
        """The network as it was evaluated, with classes and decoding, for plugins; ``model`` is for everybody."""
        return load_trained(self._files)

    @cached_property
    def model(self) -> keras.Model:
        """The network with its best weights, compiled as the recipe says; takes images as they are, 0 to 255.

        A copy of its own: training it further changes no prediction of this run.
        """
        from cnnforge.network import compile_model, own_keras_state

        trained = load_trained(self._files)
        num_images = sum(self._files.read_run()["data"]["splits"].get("train", {}).values())
        steps = -(-num_images // trained.resolved.recipe.training.batch_size)
        with own_keras_state():
            compile_model(trained.model, trained.resolved, len(trained.class_names), steps)
        return trained.model

    def predict(self, images: Images) -> Predictions:
        """Return what the network sees in images: the same bits as ``cnnforge predict`` on the same pixels.

        Args:
            images: One or several: paths, patterns, folders, zip archives, bytes, open files, PIL images, arrays or
                tensors (height, width[, 1, 3 or 4 channels]) or batches of them, 0 to 255.

        Raises:
            DataError: None of them is an image that can be read.
        """
        predictions: Predictions = plugin_function("predict")(self, images)
        return predictions

    def evaluate(
        self, data: str | Path | None = None, *, split: str | None = None, settings: Settings = ()
    ) -> dict[str, Any]:
        """Measure the network on its own or on other photographs; the result is written into a folder of the run.

        Args:
            data: Other photographs: all of them; with ``split``, where the run's own are now.
            split: ``test``, ``validation`` or ``train`` of the run; default: the one its recipe names.
            settings: Options of the data source for other photographs, such as ``{"data.labels": "labels.csv"}``.

        Returns:
            The content of ``evaluation.json``, and ``folder``, where it was written.

        Raises:
            DataError: Images are missing or not as they were, or a class is not one of the run.
        """
        result: dict[str, Any] = plugin_function("evaluate")(self, data, split=split, settings=settings)
        return result

    def explain(self, images: Images | None = None, *, out: str | Path | None = None) -> Path:
        """Show what the network looks for and where it looks; return the page.

        Args:
            images: As of :meth:`predict`, but paths alone; None: the most certain, most doubtful and worst wrong ones.
            out: New or empty folder; default: a new one in the run's ``explanations``.
        """
        page: Path = plugin_function("explain")(self, images, out=out)
        return page

    def export(self, format: str, *, out: str | Path | None = None, **options: Any) -> Path:  # noqa: A002
        """Write the network for other programs, check it there, and return the folder.

        Args:
            format: ``onnx``, ``litert``, ``saved-model``, ``keras``, or a plugin's.
            out: The folder to write; default: ``exports/FORMAT`` of the run.
            options: Of the format, such as ``quantize="int8"``.

        Raises:
            ExportError: What was written does not say what the network says.
        """
        folder: Path = plugin_function("export")(self, format, out=out, **options)
        return folder

    def serve(self, *, host: str = "127.0.0.1", port: int = 8000, **options: Any) -> None:
        """Answer over HTTP until interrupted; ``options`` are those of the command ``serve``."""
        plugin_function("serve")(self, host=host, port=port, **options)

    def plot(self) -> Display:
        """Return the curves of training; a notebook shows them, ``.save("curves.html")`` writes them."""
        return Display(excerpt(self.directory, registry(), ["curves"]), f"Curves of {self.name}")

    def __repr__(self) -> str:
        figures = measured_figures(self.evaluation, measure_specs(registry())) if self.evaluation else []
        shown = ", ".join(f"{figure.title.lower()} {figure.text}" for figure in figures[:2])
        return f"Run({str(self.directory)!r}: {self.status}{shown and f', {shown}'})".replace("\N{NO-BREAK SPACE}", " ")

    def _repr_html_(self) -> str:
        return Display(excerpt(self.directory, registry(), ["result", "curves"]), self.name).html


def load(run: str | Path, *, plugins: Iterable[str | Path] = ()) -> Run:
    """Return a run by its folder, or its name below ``runs/``.

    Args:
        run: The folder or name.
        plugins: Python files that are plugins, where the run used some: ``[run_dir / "plugins" / "my_net.py"]``.

    Raises:
        RecipeError: There is no such run.
    """
    add_plugins(plugins)
    return Run(run)


def runs(runs_dir: str | Path = "runs", *, recipe: str | None = None, status: str | None = None) -> list[Run]:
    """Return the runs of a folder, the newest first.

    Args:
        runs_dir: Parent of the run directories.
        recipe: Only runs of this recipe.
        status: Only runs with this status.
    """
    summaries = list_runs(Path(runs_dir))
    return [Run(run.path) for run in summaries if recipe in (None, run.recipe) and status in (None, run.status)]
