"""The descriptors that plugins return: what there is, and where its code lies.

A descriptor names its code as ``"package.module:function"`` and the core imports that on first use, so that
listing a hundred architectures imports none of them.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar, cast

from pydantic import BaseModel, ConfigDict

from cnnforge.errors import PluginError
from cnnforge.host.marks import SearchSpace

API_VERSION = 1
"""The version of the plugin interface this core speaks; a spec that asks for a newer one is refused."""

NAME_PATTERN = re.compile(r"[a-z][a-z0-9_]*")
_DEFERRED_PATTERN = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_MAX_SUMMARY_LENGTH = 100


class Options(BaseModel):
    """The validated settings of whatever a plugin brings: subclass and declare fields.

    Each field is typed, has a default and a description, and may carry bounds (``pydantic.Field``) and a search
    space (``cnnforge.Tune``). That one declaration drives validation, ``--set``, ``cnnforge show`` and ``cnnforge
    tune``. Unknown settings, infinite and undefined numbers are refused; an instance cannot be changed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Spec:
    """What all descriptors have in common.

    A kind of spec is a subclass of this that names its ``kind`` and the ``hook`` that returns it: registry, ``cnnforge
    list`` and ``show``, ``plugins check`` and the documentation follow from that.

    Args:
        name: Unique among specs of its kind; lower-case letters, digits and underscores.
        api: Version of the plugin interface the plugin was written for.
    """

    kind: ClassVar[str]
    hook: ClassVar[str]
    name_pattern: ClassVar[re.Pattern[str]] = NAME_PATTERN
    deferred: ClassVar[tuple[str, ...]] = ()
    reserved: ClassVar[frozenset[str]] = frozenset()

    name: str
    api: int = API_VERSION

    @property
    def headline(self) -> str:
        """The line that ``cnnforge list`` shows: the summary, or the title of what has none."""
        return str(getattr(self, "summary", "") or getattr(self, "title", ""))

    def deferred_names(self) -> tuple[str, ...]:
        """Return every ``"package.module:function"`` this spec may import later."""
        return tuple(name for field in self.deferred if (name := getattr(self, field)) is not None)

    def problems(self) -> list[str]:
        """Return what is wrong with this spec, each as a sentence; empty if nothing is."""
        faults = []
        if self.api > API_VERSION:
            faults.append(f"needs plugin api={self.api}, this cnnforge speaks {API_VERSION}: upgrade cnnforge")
        if not self.name_pattern.fullmatch(self.name):
            faults.append(f"expected a name like '{self.name_pattern.pattern}', received name={self.name!r}")
        if self.name in self.reserved:
            faults.append(f"expected a name that the core does not have, received name={self.name!r}")
        if not self.headline or "\n" in self.headline or len(self.headline) > _MAX_SUMMARY_LENGTH:
            faults.append(f"expected a summary of one line and at most {_MAX_SUMMARY_LENGTH} characters")
        if "options" in type(self).__dataclass_fields__:
            faults += options_problems(getattr(self, "options"))  # noqa: B009 - not every kind has some
        malformed = [name for name in self.deferred_names() if not _DEFERRED_PATTERN.fullmatch(name)]
        return [*faults, *(f"expected 'package.module:function', received {name!r}" for name in malformed)]


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
    faults = []
    if not space.contains(default):
        faults.append(f"option {name}: default {default!r} lies outside its search space ({space.describe()})")
    for corner in space.corners():
        try:
            options(**{name: corner})
        except ValueError:
            faults.append(f"option {name}: search-space value {corner!r} is outside the field's bounds")
    return faults


def import_deferred(name: str, owner: str) -> Callable[..., Any]:
    """Return the function that ``"package.module:function"`` names.

    Args:
        name: The deferred name.
        owner: Who declared it, for the message: ``"architecture 'x' of plugin y"``.

    Raises:
        PluginError: The module cannot be imported, or has no such function.
    """
    module_name, _, attribute = name.partition(":")
    try:
        function = getattr(importlib.import_module(module_name), attribute)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise PluginError(
            f"{owner}: cannot import {name!r}: {type(error).__name__}: {error}",
            hint="`cnnforge plugins check` imports every name that plugins declare",
        ) from error
    if not callable(function):
        raise PluginError(f"{owner}: expected {name!r} to be a function, received {type(function).__name__}")
    return cast("Callable[..., Any]", function)


def read_resource(name: str, owner: str) -> bytes:
    """Return the content of the file that ``"package:path/in/package"`` names.

    Args:
        name: The name; a module that is no package, such as a file plugin, stands for the folder that it lies in.
        owner: Who declared it, for the message: ``"recipe 'x' of plugin y"``.

    Raises:
        PluginError: There is no such package or file.
    """
    package, _, path = name.partition(":")
    try:
        module = importlib.import_module(package)
        folder = files(module) if hasattr(module, "__path__") else Path(str(module.__file__)).parent
        return folder.joinpath(path).read_bytes()
    except (ImportError, OSError) as error:
        raise PluginError(f"{owner}: cannot read {name!r}: {error}") from error
