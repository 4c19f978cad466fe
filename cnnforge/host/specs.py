"""The descriptors that plugins return: what there is, and where its code lies.

A descriptor names its code as ``"package.module:function"`` and the core imports that on first use, so that
listing a hundred architectures imports none of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from cnnforge.host.marks import SearchSpace

API_VERSION = 1
"""The version of the plugin interface this core speaks; a spec that asks for a newer one is refused."""

NAME_PATTERN = re.compile(r"[a-z][a-z0-9_]*")
_RECIPE_NAME_PATTERN = re.compile(r"[a-z][a-z0-9_-]*")
_DEFERRED_PATTERN = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_MAX_SUMMARY_LENGTH = 100


class Options(BaseModel):
    """The validated settings of one architecture, data source or executor: subclass and declare fields.

    Each field is typed, has a default and a description, and may carry bounds (``pydantic.Field``) and a search
    space (``cnnforge.Tune``). That one declaration drives validation, ``--set``, ``cnnforge show`` and ``cnnforge
    tune``. Unknown settings, infinite and undefined numbers are refused; an instance cannot be changed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Spec:
    """What all descriptors have in common.

    Args:
        name: Unique among specs of its kind; lower-case letters, digits and underscores.
        summary: One line for ``cnnforge list``, at most 100 characters.
        api: Version of the plugin interface the plugin was written for.
    """

    kind: ClassVar[str] = "spec"
    name_pattern: ClassVar[re.Pattern[str]] = NAME_PATTERN

    name: str
    summary: str
    api: int = API_VERSION

    def deferred_names(self) -> tuple[str, ...]:
        """Return every ``"package.module:function"`` this spec may import later."""
        return ()

    def problems(self) -> list[str]:
        """Return what is wrong with this spec, each as a sentence; empty if nothing is."""
        found = []
        if self.api > API_VERSION:
            found.append(f"needs plugin api={self.api}, this cnnforge speaks {API_VERSION}: upgrade cnnforge")
        if not self.name_pattern.fullmatch(self.name):
            found.append(f"expected a name like '{self.name_pattern.pattern}', received name={self.name!r}")
        if not self.summary or "\n" in self.summary or len(self.summary) > _MAX_SUMMARY_LENGTH:
            found.append(f"expected a summary of one line and at most {_MAX_SUMMARY_LENGTH} characters")
        malformed = [name for name in self.deferred_names() if not _DEFERRED_PATTERN.fullmatch(name)]
        return [*found, *(f"expected 'package.module:function', received {name!r}" for name in malformed)]


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchitectureSpec(Spec):
    """A named way to build a network.

    Args:
        build: ``"package.module:function"`` with the signature
            ``build(options, *, input_shape, num_classes) -> keras.Model``, which returns an uncompiled model. Input:
            images as they are, 0 to 255, of ``input_shape``; output: probabilities, see :func:`cnnforge.head`.
        options: Its settings; every field needs a default.
        input_shape: Height, width and channels used when the recipe names no ``data.image_size``.
        backbone: Name of the layer whose output is all that the head takes. While nothing up to that layer can be
            trained, what it gives is computed once for every image and the head is trained on that. None: no backbone.
        search_space: ``"package.module:function"`` with the signature
            ``search_space(hp) -> dict``, which draws from Keras Tuner's ``HyperParameters`` and returns options: for
            settings that depend on others. ``--search architecture`` searches it. None: marks of options are enough.
    """

    kind: ClassVar[str] = "architecture"

    build: str
    options: type[Options] = Options
    input_shape: tuple[int, int, int] = (150, 150, 3)
    backbone: str | None = None
    search_space: str | None = None

    def deferred_names(self) -> tuple[str, ...]:
        return (self.build,) if self.search_space is None else (self.build, self.search_space)

    def problems(self) -> list[str]:
        found = Spec.problems(self) + options_problems(self.options)
        if len(self.input_shape) != 3 or min(self.input_shape) < 1:
            found.append(f"expected input_shape (height, width, channels), received {self.input_shape!r}")
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class DataSourceSpec(Spec):
    """A named origin of labelled images.

    Args:
        open: ``"package.module:function"`` with the signature ``open(options) -> cnnforge.LabelledImages``.
        options: Its settings. A field called ``path`` receives ``--data``.
        download: ``"package.module:function"`` with the signature ``download(*, progress) -> pathlib.Path``, which
            fetches the images for ``cnnforge data download`` and reports to ``progress(done_bytes, total_bytes)``.
            None: there is nothing to fetch.
    """

    kind: ClassVar[str] = "data source"

    open: str
    options: type[Options] = Options
    download: str | None = None

    def deferred_names(self) -> tuple[str, ...]:
        return (self.open,) if self.download is None else (self.open, self.download)

    def problems(self) -> list[str]:
        return Spec.problems(self) + options_problems(self.options)


@dataclass(frozen=True, kw_only=True, slots=True)
class RecipeSpec(Spec):
    """A recipe that comes with a plugin.

    Args:
        resource: ``"package:path/in/package.toml"``.
    """

    kind: ClassVar[str] = "recipe"
    name_pattern: ClassVar[re.Pattern[str]] = _RECIPE_NAME_PATTERN

    resource: str

    def problems(self) -> list[str]:
        found = Spec.problems(self)
        if self.resource.count(":") != 1 or not self.resource.endswith(".toml"):
            found.append(f"expected a resource 'package:file.toml', received {self.resource!r}")
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class ExecutorSpec(Spec):
    """A place where trials run.

    Args:
        start: ``"package.module:function"`` with the signature
            ``start(options, *, directory) -> concurrent.futures.Executor``. Every worker must see the study's
            ``directory``, for what comes of a trial is what it writes there; where one does not, or differs in the
            plugins it has, ``start`` raises. A worker that dies is an exception with ``kind = "killed"``, for which
            the trial is tried once more. ``shutdown(cancel_futures=True)`` asks running tasks to stop, as Ctrl-C does.
        options: Its settings. A field called ``workers``, how many tasks run at a time, receives ``--workers``.
    """

    kind: ClassVar[str] = "executor"

    start: str
    options: type[Options] = Options

    def deferred_names(self) -> tuple[str, ...]:
        return (self.start,)

    def problems(self) -> list[str]:
        return Spec.problems(self) + options_problems(self.options)


def search_space(options: type[BaseModel], field: str) -> SearchSpace | None:
    """Return the search-space mark of a field, or None if it has none."""
    marks = [m for m in options.model_fields[field].metadata if isinstance(m, SearchSpace)]
    return marks[0] if marks else None


def options_problems(options: type[Options]) -> list[str]:
    """Return what is wrong with an options class: a default outside its space, a space outside the bounds."""
    if not (isinstance(options, type) and issubclass(options, Options)):
        return [f"expected a subclass of cnnforge.Options, received options={options!r}"]
    required = [name for name, field in options.model_fields.items() if field.is_required()]
    if required:
        return [f"every option needs a default; {', '.join(required)} has none"]
    return [p for name in options.model_fields for p in _field_problems(options, name)]


def _field_problems(options: type[Options], name: str) -> list[str]:
    space = search_space(options, name)
    if space is None:
        return []
    default: Any = options.model_fields[name].get_default(call_default_factory=True)
    found = []
    if not space.contains(default):
        found.append(f"option {name}: default {default!r} lies outside its search space ({space.describe()})")
    for corner in space.corners():
        try:
            options(**{name: corner})
        except ValueError:
            found.append(f"option {name}: search-space value {corner!r} is outside the field's bounds")
    return found
