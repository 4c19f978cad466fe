"""The plugin host: finds plugins and isolates broken ones.

pluggy alone isolates nothing: one failing import ends the program, two entry points of one name hide each other and
a misspelled hook is ignored. So the loading loop is ours; see ``docs/reference/hooks.md``.

Switches, each a comma-separated list of plugin ids, distributions or entry points:

- ``CNNFORGE_DISABLE_PLUGINS``: not imported at all.
- ``CNNFORGE_LOAD_PLUGINS``: only these are imported, besides the built-in ones; empty means the built-in ones alone.
- ``CNNFORGE_STRICT_PLUGINS=1``: the first broken plugin raises.
- ``CNNFORGE_PLUGIN_FILES``: Python files that are plugins too, separated as in ``PATH``; ``--plugin`` adds to them.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.machinery import ModuleSpec
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import pluggy

from cnnforge.errors import PluginError, RecipeError, UnknownNameError, did_you_mean
from cnnforge.host import hookspecs
from cnnforge.system import expanded

ENTRY_POINT_GROUP = "cnnforge"
FILES_SWITCH = "CNNFORGE_PLUGIN_FILES"
BUILT_IN_DISTRIBUTION = "cnnforge"
_FROM_FILES: set[str] = set()  # names of modules that are plugin files


@dataclass(slots=True)
class PluginInfo:
    """What the host knows of one plugin.

    ``id`` is ``distribution:entry_point``, unique in an environment. ``error`` is one line, None for a sound
    plugin; ``traceback`` is the whole of it. ``file`` is set where a file is the plugin.
    """

    id: str
    distribution: str
    version: str
    load_seconds: float = 0.0
    error: str | None = None
    traceback: str | None = None
    file: Path | None = None
    is_disabled: bool = False

    @property
    def state(self) -> str:
        """``"ok"``, ``"broken"`` or ``"disabled"``."""
        return "disabled" if self.is_disabled else "broken" if self.error else "ok"

    def is_named(self, switches: Iterable[str]) -> bool:
        """Return whether a switch names this plugin by id, distribution or entry point."""
        return bool({self.id, self.distribution, self.id.partition(":")[2]} & set(switches))


class PluginHost:
    """The plugins of this process. A new host is empty; :meth:`discover` fills one from the environment."""

    def __init__(self, *, is_strict: bool = False) -> None:
        self.plugins: dict[str, PluginInfo] = {}
        self._is_strict = is_strict
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)

    @classmethod
    def discover(cls, environ: Mapping[str, str] = os.environ, *, is_imported: bool = True) -> PluginHost:
        """Return a host with every installed plugin that the switches admit, or with their names alone."""
        host = cls(is_strict=environ.get("CNNFORGE_STRICT_PLUGINS", "") not in ("", "0"))
        disabled = _switch(environ, "CNNFORGE_DISABLE_PLUGINS") or []
        allowed = _switch(environ, "CNNFORGE_LOAD_PLUGINS")
        for entry_point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=_discovery_order):
            info = _describe(entry_point)
            is_built_in = info.distribution == BUILT_IN_DISTRIBUTION
            info.is_disabled = info.is_named(disabled) or (
                allowed is not None and not is_built_in and not info.is_named(allowed)
            )
            host.plugins[info.id] = info
            if is_imported and not info.is_disabled:
                host._load(info, entry_point.load)
        for name in filter(None, environ.get(FILES_SWITCH, "").split(os.pathsep)):
            host.add_file(Path(name), is_imported=is_imported)
        return host

    def add_file(self, path: Path, *, is_imported: bool = True) -> PluginInfo:
        """Load a Python file as the plugin ``file:<its name>``; a broken one is marked as any other plugin.

        Raises:
            RecipeError: There is no such file, or two of one name.
        """
        path = plugin_file(path)
        info = PluginInfo(f"file:{path.stem}", "file", hashlib.sha256(path.read_bytes()).hexdigest()[:12], file=path)
        known = self.plugins.get(info.id)
        if known is not None and known.file != path:
            raise RecipeError(f"expected plugin files with names of their own, received {known.file} and {path}")
        if known is None:
            self.plugins[info.id] = info
            if is_imported:
                self._load(info, partial(_import_file, path))
        return self.plugins[info.id]

    def register(self, plugin: object, plugin_id: str, version: str = "0") -> PluginInfo:
        """Add a plugin object by hand, as tests do; a broken one raises.

        Raises:
            PluginError: The plugin does not fit the hooks.
        """
        info = PluginInfo(plugin_id, plugin_id.partition(":")[0], version)
        self.plugins[plugin_id] = info
        self._register(plugin, plugin_id)
        return info

    def collect(self, hook: str, **arguments: Any) -> Iterator[tuple[str, Any]]:
        """Yield ``(plugin id, item)`` for everything that the plugins return from a hook.

        A plugin that raises, or returns something that is no iterable, is marked broken and the others go on.

        Raises:
            RecipeError: A plugin says that its user's settings are wrong.
        """
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            plugin_id = implementation.plugin_name
            accepted = {name: arguments[name] for name in implementation.argnames}
            try:
                items = list(implementation.function(**accepted))
            except (KeyboardInterrupt, RecipeError):
                raise
            except BaseException as error:
                self.mark_broken(plugin_id, f"hook {hook} failed: {type(error).__name__}: {error}", error)
                continue
            yield from ((plugin_id, item) for item in items)

    def mark_broken(self, plugin_id: str, message: str, cause: BaseException | None = None) -> None:
        """Record why a plugin cannot be used, in one line and with its traceback.

        Raises:
            PluginError: The host is strict.
        """
        info = self.plugins[plugin_id]
        if info.error is None:
            info.error = " ".join(message.split())
            info.traceback = "".join(traceback.format_exception(cause)) if cause else None
        if self._is_strict:
            raise PluginError(f"plugin {plugin_id}: {info.error}") from cause

    def find(self, name: str) -> PluginInfo:
        """Return the plugin of an id; its distribution or entry point will do where only one has it.

        Raises:
            UnknownNameError: There is none, or several have it.
        """
        if name in self.plugins:
            return self.plugins[name]
        named = [info for info in self.plugins.values() if info.is_named([name])]
        if len(named) == 1:
            return named[0]
        if named:
            raise UnknownNameError(f"expected one plugin, received {name!r}: {', '.join(info.id for info in named)}")
        names = [*self.plugins, *(plugin_id.partition(":")[2] for plugin_id in self.plugins)]
        raise UnknownNameError(
            f"unknown plugin {name!r}.{did_you_mean(name, names)} Available: {', '.join(self.plugins)}"
        )

    def broken(self) -> list[PluginInfo]:
        """Return the plugins that cannot be used, or only in part."""
        return [info for info in self.plugins.values() if info.error]

    def _load(self, info: PluginInfo, load: Callable[[], object]) -> None:
        start = time.perf_counter()
        try:
            self._register(load(), info.id)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self.mark_broken(info.id, f"{type(error).__name__}: {error}{_place(error, info.file)}", error)
        finally:
            info.load_seconds = time.perf_counter() - start

    def _register(self, plugin: object, plugin_id: str) -> None:
        try:
            self._manager.register(plugin, name=plugin_id)
            # A misspelled hook would otherwise never be called, and nobody would know.
            self._manager.check_pending()
        except pluggy.PluginValidationError:
            if self._manager.is_registered(plugin):  # a misspelled hook left in place would fail every later check
                self._manager.unregister(plugin)
            raise


def plugin_file(name: str | Path) -> Path:
    """Return the absolute path of a Python file that is to be a plugin.

    Raises:
        RecipeError: There is no such file, or it is no Python file.
    """
    path = expanded(name).absolute()
    if path.suffix != ".py" or not path.is_file():
        raise RecipeError(f"expected a Python file that is a plugin, received --plugin {name}")
    return path


def _is_of_another(module: ModuleSpec | None, path: Path) -> bool:
    """Return whether a module of a file's name is another than that file, which `python -m` finds where it is."""
    return module is not None and Path(module.origin or "").resolve() != path.resolve()


def _import_file(path: Path) -> object:
    """Return the module of a file, under its own name, by which its specs name their functions.

    Raises:
        ImportError: The environment has another module of that name.
    """
    if path.stem in _FROM_FILES:
        sys.modules.pop(path.stem, None)  # loaded by another host, perhaps from another file: as it is now
    elif path.stem in sys.modules or _is_of_another(importlib.util.find_spec(path.stem), path):
        raise ImportError(f"expected a file whose name no installed module has, received {path}: rename it")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None  # noqa: S101 - true of every .py file
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    _FROM_FILES.add(path.stem)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[path.stem]
        raise
    return module


def _place(error: BaseException, file: Path | None) -> str:
    """Return where in a plugin's file an error was raised, as `` (net.py, line 7)``; a SyntaxError says so itself."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    return f" ({file.name}, line {lines[-1]})" if file is not None and lines else ""


def _switch(environ: Mapping[str, str], name: str) -> list[str] | None:
    value = environ.get(name)
    return None if value is None else [part.strip() for part in value.split(",") if part.strip()]


def _describe(entry_point: EntryPoint) -> PluginInfo:
    distribution = entry_point.dist
    name = distribution.name if distribution else "unknown"
    return PluginInfo(f"{name}:{entry_point.name}", name, distribution.version if distribution else "0")


def _discovery_order(entry_point: EntryPoint) -> tuple[bool, str]:
    """Built-in plugins first, then by id, so that the order never depends on the file system."""
    info = _describe(entry_point)
    return (info.distribution != BUILT_IN_DISTRIBUTION, info.id)
