"""The recipe: the complete description of a run, as TOML.

``[data]`` and ``[architecture]`` hold the core's settings and, beside them, the options of the data source or
architecture they name. :mod:`cnnforge.recipe.resolving` checks those against the plugin that declares them.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, model_validator

from cnnforge.host import Tune
from cnnforge.recipe.augmentation import AugmentationSection, Component

FORMAT_VERSION = 2
"""Version of the recipe format; a recipe of a newer one is refused, and one of an older one means what it meant."""

Fraction = Annotated[float, Field(ge=0, lt=1)]
Side = Annotated[int, Field(ge=1, le=4096)]
Byte = Annotated[int, Field(ge=0, le=255)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class DataSection(_Section):
    """Where the photographs come from and how they are read; the source's own options stand beside these."""

    model_config = ConfigDict(extra="allow")

    source: Annotated[str, Field(description="name of the data source")]
    image_size: Annotated[
        tuple[Side, Side] | None, Field(description="height and width in pixels; default: the architecture's")
    ] = None
    color_mode: Annotated[Literal["rgb", "grayscale"], Field(description="3 channels or 1")] = "rgb"
    interpolation: Annotated[
        Literal["nearest", "bilinear", "bicubic", "lanczos"], Field(description="how images are resized")
    ] = "bilinear"
    background: Annotated[
        tuple[Byte, Byte, Byte], Field(description="colour (red, green, blue) behind transparent pixels")
    ] = (255, 255, 255)
    subset: Annotated[float, Field(gt=0, le=1, description="share of the images to use, chosen by name")] = 1.0
    validation_fraction: Annotated[Fraction, Field(description="share of the images for validation")] = 0.1
    test_fraction: Annotated[Fraction, Field(description="share of the images for testing")] = 0.1
    split_seed: Annotated[int, Field(ge=0, description="another number gives another split")] = 0
    split_method: Annotated[
        Literal["count", "threshold"] | None,
        Field(
            description="hold the fractions in every class, or never move an image; default: count, format 1 threshold"
        ),
    ] = None
    max_pixels: Annotated[int, Field(ge=1, description="larger images are left out unread")] = 50_000_000
    max_unreadable: Annotated[float, Field(ge=0, le=1, description="share of bad files that stops the run")] = 0.05
    strict: Annotated[bool, Field(description="stop at the first bad file")] = False
    allow_leaks: Annotated[bool, Field(description="accept identical images in two of the splits on disk")] = False
    store: Annotated[Literal["auto", "disk", "memory", "off"], Field(description="where decoded images are kept")] = (
        "auto"
    )

    @model_validator(mode="after")
    def _leave_something_to_train_on(self) -> DataSection:
        total = self.validation_fraction + self.test_fraction
        if total >= 1:
            raise ValueError(f"expected validation_fraction + test_fraction below 1, received a sum of {total:g}")
        return self


class ArchitectureSection(_Section):
    """The network; its own options stand beside the name."""

    model_config = ConfigDict(extra="allow")

    name: Annotated[str, Field(description="name of the architecture")]


class FineTuningSection(_Section):
    """A second phase of training, in which the pretrained backbone learns too."""

    epochs: Annotated[int, Field(ge=1, description="passes over the training images, after those of [training]")] = 5
    learning_rate: Annotated[float, Field(gt=0, description="of a fresh optimizer, far below that of [training]")] = (
        1e-5
    )
    layers: Annotated[int | None, Field(ge=1, description="last layers of the backbone that learn; default: all")] = (
        None
    )
    augmentation: Annotated[AugmentationSection | None, Field(description="default: as in [training]")] = None


class TrainingSection(_Section):
    """How the network is trained; Keras's optimizers, losses, metrics, schedules and callbacks by name."""

    epochs: Annotated[int, Field(ge=1, description="passes over the training images")] = 15
    batch_size: Annotated[int, Field(ge=1, description="images a step"), Tune.choice(32, 64, 100, 128)] = 100
    learning_rate: Annotated[
        float, Field(gt=0, description="of the optimizer, the peak of a schedule"), Tune.float(1e-4, 1e-2, log=True)
    ] = 0.001
    optimizer: Annotated[Component, Field(description="Keras optimizer")] = Component(name="rmsprop")
    schedule: Annotated[Component | None, Field(description="learning-rate schedule: 'cosine' or any of Keras's")] = (
        None
    )
    loss: Annotated[Component, Field(description="Keras loss; 'auto': cross-entropy")] = Component(name="auto")
    metrics: Annotated[tuple[Component, ...], Field(description="Keras metrics")] = (Component(name="accuracy"),)
    epoch_measures: Annotated[
        tuple[str, ...] | None,
        Field(description="measures of the validation images after each epoch, as val_NAME: `cnnforge list measures`"),
    ] = None
    best: Annotated[
        str | None,
        Field(description="measure whose best epoch's weights are kept; default: accuracy, without it loss"),
    ] = None
    callbacks: Annotated[tuple[Component, ...], Field(description="Keras callbacks")] = ()
    augmentation: Annotated[
        AugmentationSection, Field(description="varied training images: none, light, standard, strong or knobs")
    ] = AugmentationSection()
    class_balance: Annotated[
        Literal["none", "weights", "sampling"],
        Field(description="make up for rare classes: by weight in the loss, or by drawing them more often"),
    ] = "none"
    precision: Annotated[
        Literal["auto", "float32", "bfloat16"], Field(description="arithmetic; 'auto' measures which is faster")
    ] = "auto"
    fine_tuning: Annotated[
        FineTuningSection | None, Field(description="a second phase, in which a pretrained backbone learns too")
    ] = None
    checkpoint_minutes: Annotated[
        float, Field(gt=0, description="minutes between checkpoints; there is one at the end of each epoch too")
    ] = 5.0
    checkpoint_steps: Annotated[
        int | None, Field(ge=1, description="steps between checkpoints, if that comes first")
    ] = None
    seed: Annotated[int, Field(ge=0, lt=2**31, description="of weights, order and dropout")] = 0


class EvaluationSection(_Section):
    """What is measured when training is over."""

    split: Annotated[Literal["test", "validation", "train"], Field(description="images to evaluate on")] = "test"
    num_mistakes: Annotated[int, Field(ge=0, le=200, description="worst mistakes shown in the report")] = 24


class PluginsSection(_Section):
    """Files that are plugins."""

    files: Annotated[tuple[str, ...], Field(description="Python files, relative to the recipe's folder")] = ()


class Recipe(_Section):
    """A whole recipe. Every setting but ``data.source`` and ``architecture.name`` has a default.

    Sections that plugins declare stand beside the core's; :func:`cnnforge.recipe.resolve` checks them.
    """

    model_config = ConfigDict(extra="allow")

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
    format: Annotated[int, Field(ge=1)] = FORMAT_VERSION
    data: DataSection
    architecture: ArchitectureSection
    training: TrainingSection = TrainingSection()
    evaluation: EvaluationSection = EvaluationSection()
    plugins: Annotated[PluginsSection, Field(exclude=True)] = PluginsSection()

    @property
    def split_method(self) -> str:
        """How images are divided: recipes of format 1, such as those that runs recorded, knew one way only."""
        return self.data.split_method or ("threshold" if self.format == 1 else "count")

    @property
    def other_sections(self) -> dict[str, Any]:
        """The sections that plugins declare, as they stand."""
        return dict(self.model_extra or {})

    def to_toml(self) -> str:
        """Return the recipe as TOML, every setting written out."""
        return _FLAT_ARRAY.sub(_on_one_line, tomli_w.dumps(self.model_dump(mode="json", exclude_none=True)))


# A list as tomli_w writes it, one element a line; a line break inside a text is escaped, so it matches nothing else.
_FLAT_ARRAY = re.compile(r"\[\n((?:    \S.*,\n)+)\]")
_MAX_LINE_LENGTH = 100


def _on_one_line(array: re.Match[str]) -> str:
    # Not splitlines(), which also breaks lines within texts, at characters that TOML leaves as they are.
    joined = ", ".join(line.strip().removesuffix(",") for line in array[1].removesuffix("\n").split("\n"))
    return f"[{joined}]" if len(joined) <= _MAX_LINE_LENGTH else array[0]
