"""One of everything that a plugin can bring; whatever is heavy is named, and imported when it is needed."""

from __future__ import annotations

from typing import Annotated

import cnnforge
from cnnforge import Field, Tune


class TinyOptions(cnnforge.Options):
    """Options of ``acme_tiny``."""

    filters: Annotated[int, Field(ge=1, description="filters of the convolution"), Tune.choice(4, 8)] = 4


class SquaresOptions(cnnforge.Options):
    """Options of ``acme_squares``."""

    number: Annotated[int, Field(ge=20, description="images of each class")] = 40


class NoiseOptions(cnnforge.Options):
    """Options of ``acme_noise``."""

    amount: Annotated[int, Field(ge=0, le=255, description="largest change of a pixel")] = 8


class NoteOptions(cnnforge.Options):
    """A note that stands in the report."""

    note: Annotated[str, Field(description="what the report says")] = ""


@cnnforge.hookimpl
def cnnforge_architectures():
    yield cnnforge.ArchitectureSpec(
        name="acme_tiny",
        summary="One convolution, normalised by what it sees first",
        build="acme_everything.networks:build",
        adapt="acme_everything.networks:adapt",
        options=TinyOptions,
        input_shape=(24, 24, 3),
        defaults={"training.optimizer": "adam", "training.epochs": 3},
    )


@cnnforge.hookimpl
def cnnforge_data_sources():
    yield cnnforge.DataSourceSpec(
        name="acme_squares",
        summary="Squares, bright ones and dark ones",
        open="acme_everything.data:open_squares",
        options=SquaresOptions,
    )


@cnnforge.hookimpl
def cnnforge_recipes():
    yield cnnforge.RecipeSpec(
        name="acme-squares", summary="Tell bright squares from dark ones", resource="acme_everything:squares.toml"
    )


@cnnforge.hookimpl
def cnnforge_augmentations():
    yield cnnforge.AugmentationSpec(
        name="acme_noise", summary="Noise", apply="acme_everything.data:add_noise", options=NoiseOptions
    )


@cnnforge.hookimpl
def cnnforge_commands():
    yield cnnforge.CommandSpec(name="acme-hello", summary="Greet somebody.", app="acme_everything.commands:hello")


@cnnforge.hookimpl
def cnnforge_settings():
    yield cnnforge.SettingsSpec(section="acme", options=NoteOptions)


@cnnforge.hookimpl
def cnnforge_measures():
    yield cnnforge.MeasureSpec(
        name="acme_worst_class",
        title="Recall of the worst class",
        better="higher",
        compute="acme_everything.results:worst_class",
        percent=True,
    )


@cnnforge.hookimpl
def cnnforge_report_sections():
    yield cnnforge.ReportSectionSpec(
        name="acme_note", title="A note", render="acme_everything.results:note", after="measures"
    )


@cnnforge.hookimpl
def cnnforge_explainers():
    yield cnnforge.ExplainerSpec(name="acme_gradient", title="Gradient", explain="acme_everything.results:gradient")


@cnnforge.hookimpl
def cnnforge_export_formats():
    yield cnnforge.ExportFormatSpec(
        name="acme-weights",
        summary="Weights as a NumPy archive, computed with NumPy alone",
        write="acme_everything.exports:write",
        consumer="acme_everything:classify.py",
        packages=("numpy", "pillow"),
        file_name="weights.npz",
    )


@cnnforge.hookimpl
def cnnforge_search_algorithms():
    yield cnnforge.SearchAlgorithmSpec(
        name="acme_first", summary="Configurations at random", oracle="acme_everything.searching:oracle"
    )


@cnnforge.hookimpl
def cnnforge_executors():
    yield cnnforge.ExecutorSpec(name="acme_threads", summary="One thread", start="acme_everything.searching:start")


@cnnforge.hookimpl
def cnnforge_model_built(run, model):
    from acme_everything import training

    return training.model_built(run, model)


@cnnforge.hookimpl
def cnnforge_callbacks(run):
    from acme_everything import training

    return training.callbacks(run)


@cnnforge.hookimpl
def cnnforge_data_prepared(manifest):
    if manifest.scanned.widths.max() < 8:
        yield "Acme sees little in images of less than 8 pixels"


@cnnforge.hookimpl
def cnnforge_evaluated(predictions, pixels):
    surest = predictions.confidence.argmax(keepdims=True)
    return [f"Acme     surest of {predictions.names[surest[0]]}, mean pixel {pixels(surest).mean():.0f}"]


@cnnforge.hookimpl
def cnnforge_run_ended(run):
    return [f"Acme     {run.directory.read_run()['status']}"]
