"""The kinds of spec, one class each: everything with a name that a plugin can bring."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from cnnforge.host.specs import Options, Spec

_HYPHENATED = re.compile(r"[a-z][a-z0-9_-]*")
_COMMAND = re.compile(r"[a-z][a-z0-9-]*( [a-z][a-z0-9-]*)?")
_FILE_NAME = re.compile(r"\w[\w.-]*")
_BESIDE_REPORT = re.compile(r"[a-z][a-z0-9_]*\.md")


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchitectureSpec(Spec):
    """A named way to build a network.

    Args:
        summary: One line for ``cnnforge list``, at most 100 characters.
        build: ``"package.module:function"`` with the signature
            ``build(options, *, input_shape, num_classes) -> keras.Model``, which returns an uncompiled model. Input:
            images as they are, 0 to 255, of ``input_shape``; output: probabilities, see :func:`cnnforge.head`, or a
            dict in which they are called ``probabilities``.
        options: Its settings; every field needs a default.
        input_shape: Height, width and channels used when the recipe names no ``data.image_size``.
        defaults: Settings of ``[training]`` and ``[data]`` that suit it, by dotted key, such as
            ``{"training.optimizer": "adamw"}``; what a recipe states is stronger.
        backbone: Name of the layer whose output is all that the head takes. While nothing up to that layer can be
            trained, what it gives is computed once for every image and the head is trained on that. None: no backbone.
        adapt: ``"package.module:function"`` with the signature ``adapt(model, images)``, called once, before a run
            trains, with the built model and up to 512 training images as they are, uint8 (images, height, width,
            channels): a whitened first layer. None: ``Normalization`` layers alone adapt, by themselves.
        search_space: ``"package.module:function"`` with the signature
            ``search_space(hp) -> dict``, which draws from Keras Tuner's ``HyperParameters`` and returns options: for
            settings that depend on others. ``--search architecture`` searches it. None: marks of options are enough.
        takes: ``"package.module:function"`` with the signature ``takes(given) -> Mapping[str, Any] | None``: what was
            given in the place of an architecture's name (``my_net.py:build``, a function, a model) as settings of the
            recipe by dotted key, or None where it is not for this architecture. None: it has a name only.
    """

    kind: ClassVar[str] = "architecture"
    hook: ClassVar[str] = "cnnforge_architectures"
    deferred: ClassVar[tuple[str, ...]] = ("build", "adapt", "search_space", "takes")

    summary: str
    build: str
    options: type[Options] = Options
    input_shape: tuple[int, int, int] = (150, 150, 3)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    backbone: str | None = None
    adapt: str | None = None
    search_space: str | None = None
    takes: str | None = None

    def problems(self) -> list[str]:
        faults = Spec.problems(self)
        if len(self.input_shape) != 3 or min(self.input_shape) < 1:
            faults.append(f"expected input_shape (height, width, channels), received {self.input_shape!r}")
        strangers = [key for key in self.defaults if key.partition(".")[0] not in {"training", "data"}]
        return [*faults, *(f"expected defaults of [training] or [data], received {key!r}" for key in strangers)]


@dataclass(frozen=True, kw_only=True, slots=True)
class DataSourceSpec(Spec):
    """A named origin of labelled images.

    Args:
        summary: One line for ``cnnforge list``, at most 100 characters.
        open: ``"package.module:function"`` with the signature ``open(options) -> cnnforge.LabelledImages``.
        options: Its settings. A field called ``path`` receives ``--data``.
        download: ``"package.module:function"`` with the signature ``download(*, progress) -> pathlib.Path``, which
            fetches the images for ``cnnforge data download`` and reports to ``progress(done_bytes, total_bytes)``.
            None: there is nothing to fetch.
    """

    kind: ClassVar[str] = "data source"
    hook: ClassVar[str] = "cnnforge_data_sources"
    deferred: ClassVar[tuple[str, ...]] = ("open", "download")

    summary: str
    open: str
    options: type[Options] = Options
    download: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RecipeSpec(Spec):
    """A recipe that comes with a plugin.

    Args:
        summary: One line for ``cnnforge list``, at most 100 characters.
        resource: ``"package:path/in/package.toml"``.
    """

    kind: ClassVar[str] = "recipe"
    hook: ClassVar[str] = "cnnforge_recipes"
    name_pattern: ClassVar[re.Pattern[str]] = _HYPHENATED

    summary: str
    resource: str

    def problems(self) -> list[str]:
        faults = Spec.problems(self)
        if self.resource.count(":") != 1 or not self.resource.endswith(".toml"):
            faults.append(f"expected a resource 'package:file.toml', received {self.resource!r}")
        return faults


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandSpec(Spec):
    """A command of the command line, imported when it is called.

    Args:
        name: What is typed after ``cnnforge``; two words for a command of a group, such as ``"data split"``.
        summary: One line for ``cnnforge --help``, at most 100 characters.
        app: ``"package.module:name"`` of a typer application, or of a function that typer makes a command of.
        function: ``"package.module:function"`` that does the same from Python. None: there is no such function.
    """

    kind: ClassVar[str] = "command"
    hook: ClassVar[str] = "cnnforge_commands"
    deferred: ClassVar[tuple[str, ...]] = ("app", "function")
    name_pattern: ClassVar[re.Pattern[str]] = _COMMAND
    reserved: ClassVar[frozenset[str]] = frozenset({"run", "report", "runs", "data", "list", "show", "plugins", "new"})

    summary: str
    app: str
    function: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SettingsSpec(Spec):
    """A section of the recipe that a plugin declares: checked, shown, recorded, ``--set section.key``.

    Args:
        section: Its name: what stands in brackets.
        options: Its settings; every field needs a default. They are written into every recorded recipe.
        summary: One line for ``cnnforge list``; default: the first line of the docstring of ``options``.
        check: ``"package.module:function"`` with the signature ``check(resolved, registry) -> None``, which
            raises a ``RecipeError`` where the section does not fit the rest of the recipe; light, for every command
            that reads a recipe calls it. None: the options' own bounds are enough.
        describe: ``"package.module:function"`` with the signature ``describe(shown) -> dict``, where ``shown`` is a
            ``cnnforge.recipe.ResolvedRecipe`` or the ``Entry`` of an architecture: what ``cnnforge show`` adds to it,
            tables and lines of text by their titles. None: nothing.
    """

    kind: ClassVar[str] = "settings"
    hook: ClassVar[str] = "cnnforge_settings"
    deferred: ClassVar[tuple[str, ...]] = ("check", "describe")
    reserved: ClassVar[frozenset[str]] = frozenset(
        {"name", "format", "plugins", "data", "architecture", "training", "evaluation"}
    )

    name: str = field(init=False, default="")
    section: str
    options: type[Options]
    summary: str = ""
    check: str | None = None
    describe: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.section)
        if not self.summary:
            object.__setattr__(self, "summary", (self.options.__doc__ or "").partition("\n")[0])


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasureSpec(Spec):
    """One figure computed from the predictions for labelled images.

    Args:
        title: What people read, such as ``"Balanced accuracy"``.
        better: Which of two figures is better.
        compute: ``"package.module:function"`` with the signature ``compute(predictions) -> float | None``, where
            ``predictions`` has ``labels`` and ``predicted`` (class indices, shape (images,)), ``probabilities`` (shape
            (images, classes)) and ``class_names``, all to be read only. None: these images have no such figure.
        needs: The least number of classes with which it means something; with fewer it is left out.
        percent: Whether it is a share that people read as a percentage.
    """

    kind: ClassVar[str] = "measure"
    hook: ClassVar[str] = "cnnforge_measures"
    deferred: ClassVar[tuple[str, ...]] = ("compute",)

    title: str
    better: Literal["higher", "lower"]
    compute: str
    needs: int = 2
    percent: bool = False

    @property
    def headline(self) -> str:
        return f"{self.title}, {self.better} is better" if self.title else ""

    def problems(self) -> list[str]:
        faults = Spec.problems(self)
        if self.better not in {"higher", "lower"}:
            faults.append(f"expected better to be 'higher' or 'lower', received {self.better!r}")
        return faults


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportSectionSpec(Spec):
    """A section of the report of a run, or a file beside it, made from files in the run directory.

    Sections stand in the order of their plugins, the built-in ones first, and of a plugin as its hook returns them.

    Args:
        title: Its heading, and what links to it.
        render: ``"package.module:function"`` with the signature ``render(files) -> str``, where ``files`` is a
            ``cnnforge.report.RunFiles``. Text is escaped, ``markupsafe.Markup`` inserted as it is; empty: no section.
        after: The name of the section that it stands right behind, such as ``curves``; default: none.
        heading: Its heading where that is another than its title; empty: it has none, and nothing links to it.
        file: The Markdown file that the text is written to, such as ``model_card.md``, instead of into the page.
    """

    kind: ClassVar[str] = "report section"
    hook: ClassVar[str] = "cnnforge_report_sections"
    deferred: ClassVar[tuple[str, ...]] = ("render",)

    title: str
    render: str
    after: str = ""
    heading: str | None = None
    file: str = ""

    def problems(self) -> list[str]:
        is_fine = not self.file or _BESIDE_REPORT.fullmatch(self.file)
        wrong = [] if is_fine else [f"expected a file like '{_BESIDE_REPORT.pattern}', received file={self.file!r}"]
        return [*Spec.problems(self), *wrong]


@dataclass(frozen=True, kw_only=True, slots=True)
class ExplainerSpec(Spec):
    """A method that gives a map of where a network looks.

    Args:
        title: What people read, such as ``"Grad-CAM"``.
        explain: ``"package.module:function"`` with the signature ``explain(model, images, classes) -> maps``: images as
            the network takes them, shape (images, height, width, channels), uint8; for each the index of the class to
            explain; maps of the images' height and width, shape (images, height, width), 0 to 1. It raises a
            ``cnnforge.errors.RecipeError`` for a network that it cannot explain.
    """

    kind: ClassVar[str] = "explainer"
    hook: ClassVar[str] = "cnnforge_explainers"
    deferred: ClassVar[tuple[str, ...]] = ("explain",)

    title: str
    explain: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportFormatSpec(Spec):
    """A file format that a trained network can be exported to; every export passes the parity gate.

    Args:
        summary: One line for ``cnnforge list``, at most 100 characters.
        write: ``"package.module:function"`` with the signature ``write(trained, path, options) -> None``, where
            ``trained`` is a ``cnnforge.running.TrainedRun``; whatever it raises is shown as the reason why the format
            cannot hold the network.
        consumer: ``"package:path/in/package.py"`` of the script that is shipped beside the model as ``classify.py`` and
            needs nothing of CNNForge. ``python classify.py IMAGE …`` decodes images as ``export.json`` beside it says
            and prints CSV: a header and, for each image in the order given, its name, the class and the probability
            of every class.
        packages: What must be installed to write and to consume it, as names on the package index.
        takes: What the model is given. ``"pixels"``: decoded images at the network's size; ``"any size"``: decoded
            images, which it resizes; ``"files"``: encoded images. A model that takes files takes pixels as well: its
            script is given ``--pixels`` before PNG files at the network's size.
        options: Its settings: ``cnnforge export RUN --format NAME --set key=value``.
        lossy: Names of options that make the numbers smaller. Where one is set, the gate compares classes and accuracy
            on images of the evaluated split instead of every probability.
        tolerance: The largest difference of a probability from the network's, where nothing lossy is set.
        file_name: Of what ``write`` makes, a file or a folder.
    """

    kind: ClassVar[str] = "export format"
    hook: ClassVar[str] = "cnnforge_export_formats"
    deferred: ClassVar[tuple[str, ...]] = ("write",)
    name_pattern: ClassVar[re.Pattern[str]] = _HYPHENATED

    summary: str
    write: str
    consumer: str
    packages: tuple[str, ...] = ()
    takes: Literal["pixels", "any size", "files"] = "pixels"
    options: type[Options] = Options
    lossy: tuple[str, ...] = ()
    tolerance: float = 1e-4
    file_name: str

    def problems(self) -> list[str]:
        faults = Spec.problems(self)
        if self.consumer.count(":") != 1 or not self.consumer.endswith(".py"):
            faults.append(f"expected a consumer 'package:script.py', received {self.consumer!r}")
        if self.takes not in {"pixels", "any size", "files"}:
            faults.append(f"expected takes to be 'pixels', 'any size' or 'files', received {self.takes!r}")
        if not _FILE_NAME.fullmatch(self.file_name) or self.file_name in {"classify.py", "export.json", "golden"}:
            faults.append(f"expected the name of a file of its own, received file_name={self.file_name!r}")
        strangers = sorted(set(self.lossy) - set(self.options.model_fields))
        return [*faults, *(f"expected lossy to name options, received {name!r}" for name in strangers)]


@dataclass(frozen=True, kw_only=True, slots=True)
class AugmentationSpec(Spec):
    """A way to vary training images, used in the feed as the built-in ones are.

    Args:
        summary: One line for ``cnnforge list``, at most 100 characters.
        apply: ``"package.module:function"`` with the signature ``apply(images, generator, options) -> images``: uint8,
            shape (images, height, width, 1 or 3), changed or copied; everything random comes from the
            ``numpy.random.Generator``, so that a run repeats and resumes to the bit. Several threads may call it.
        options: Its settings, beside its name in ``training.augmentation.extra``.
    """

    kind: ClassVar[str] = "augmentation"
    hook: ClassVar[str] = "cnnforge_augmentations"
    deferred: ClassVar[tuple[str, ...]] = ("apply",)

    summary: str
    apply: str
    options: type[Options] = Options


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchAlgorithmSpec(Spec):
    """A way to choose the next trial of a study.

    Args:
        summary: One line for ``cnnforge list``, at most 100 characters.
        oracle: ``"package.module:function"`` with the signature
            ``oracle(*, objective, hyperparameters, seed, epochs) -> keras_tuner.Oracle``: a ``keras_tuner.Objective``,
            the ``keras_tuner.HyperParameters`` of the space, a whole number above 0 and the epochs of a whole training.
            The study says how many trials there are. What the oracle proposes must follow from these, the trials so far
            and its own ``_random_state`` and ``_seed_state``, which are set anew for each trial, so that a study that
            was interrupted goes on as if it had not been.
        accepts_trials: Whether it takes trials that it did not propose, as an oracle does that looks at nothing but the
            trials so far. Then the recipe's own configuration is the first trial, and ``--fork`` takes trials over.
        rounds: ``"package.module:function"`` with the signature ``rounds(epochs, num_configurations) -> int``, for an
            oracle that divides the epochs among rounds as Keras Tuner's Hyperband does, with ``tuner/epochs``, where a
            trial ends, and ``tuner/trial_id``, from which it goes on, among a trial's values. It returns how many
            trials there are, and raises a ``RecipeError`` where the space is too small (None: it is a continuum);
            light. None: every trial is a whole training, and the recipe says how many there are.
    """

    kind: ClassVar[str] = "search algorithm"
    hook: ClassVar[str] = "cnnforge_search_algorithms"
    deferred: ClassVar[tuple[str, ...]] = ("oracle", "rounds")

    summary: str
    oracle: str
    accepts_trials: bool = False
    rounds: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ExecutorSpec(Spec):
    """A place where trials run.

    Args:
        summary: One line for ``cnnforge list``, at most 100 characters.
        start: ``"package.module:function"`` with the signature
            ``start(options, *, directory) -> concurrent.futures.Executor``. Every worker must see the study's
            ``directory``, for what comes of a trial is what it writes there; where one does not, or differs in the
            plugins it has, ``start`` raises. A worker that dies is an exception with ``kind = "killed"``, for which
            the trial is tried once more. ``shutdown(cancel_futures=True)`` asks running tasks to stop, as Ctrl-C does.
        options: Its settings. A field called ``workers``, how many tasks run at a time, receives ``--workers``.
    """

    kind: ClassVar[str] = "executor"
    hook: ClassVar[str] = "cnnforge_executors"
    deferred: ClassVar[tuple[str, ...]] = ("start",)

    summary: str
    start: str
    options: type[Options] = Options


KINDS: Mapping[str, type[Spec]] = {
    kind.hook.removeprefix("cnnforge_").replace("_", "-"): kind
    for kind in (
        ArchitectureSpec,
        DataSourceSpec,
        RecipeSpec,
        CommandSpec,
        SettingsSpec,
        MeasureSpec,
        ReportSectionSpec,
        ExplainerSpec,
        ExportFormatSpec,
        AugmentationSpec,
        SearchAlgorithmSpec,
        ExecutorSpec,
    )
}
"""Every kind by the plural that the command line uses, such as ``data-sources``, as ``cnnforge list`` shows them."""
