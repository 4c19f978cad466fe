"""The registry: name to spec; clashes and unknown names."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, Generic, TypeVar

from cnnforge.errors import NameConflictError, UnknownNameError, did_you_mean
from cnnforge.host.kinds import KINDS, ArchitectureSpec, DataSourceSpec, RecipeSpec
from cnnforge.host.plugin_host import FILES_SWITCH, PluginHost
from cnnforge.host.specs import Spec

S = TypeVar("S", bound=Spec)

CORE = "cnnforge"
"""The plugin of an entry that the core itself has, and its distribution."""

CORE_GROUP = "cnnforge.core"
"""The entry points of what the core itself has: the name of a hook, and where its specs are."""


@dataclass(frozen=True, slots=True)
class Entry(Generic[S]):
    """A spec, and the id and version of the plugin that brought it; of a file, the version is part of its hash."""

    spec: S
    plugin: str
    version: str | None = None


class Catalogue(Generic[S]):
    """All specs of one kind, by name."""

    def __init__(self, host: PluginHost, spec_type: type[S]) -> None:
        self.kind = spec_type.kind
        self.entries: dict[str, list[Entry[S]]] = {}
        self._host = host
        for spec in _specs_of_core(spec_type.hook):
            self.entries[spec.name] = [Entry(spec, CORE)]
        for plugin_id, spec in host.collect(spec_type.hook):
            self._add(plugin_id, spec, spec_type)

    def _add(self, plugin_id: str, spec: object, spec_type: type[S]) -> None:
        if not isinstance(spec, spec_type):
            received = f"expected {spec_type.__name__}, received {type(spec).__name__}"
            self._host.mark_broken(plugin_id, f"hook {spec_type.hook}: {received}")
            return
        try:
            problems = "; ".join(spec.problems())
        except Exception as error:  # a field of the wrong type, which Python itself does not check
            self._host.mark_broken(plugin_id, f"{self.kind} {spec.name!r}: {type(error).__name__}: {error}", error)
            return
        if not problems and any(entry.plugin == CORE for entry in self.entries.get(spec.name, ())):
            problems = f"expected a name that the core does not have, received name={spec.name!r}"
        if problems:
            self._host.mark_broken(plugin_id, f"{self.kind} {spec.name!r}: {problems}")
            return
        self.entries.setdefault(spec.name, []).append(Entry(spec, plugin_id, self._host.plugins[plugin_id].version))

    def all(self) -> list[Entry[S]]:
        """Return every entry, by name; a name in conflict appears once for each plugin."""
        return [entry for name in sorted(self.entries) for entry in self.entries[name]]

    def conflicts(self) -> dict[str, list[str]]:
        """Return the names that several plugins claim, with the ids of those plugins."""
        return {name: [e.plugin for e in claims] for name, claims in self.entries.items() if len(claims) > 1}

    def get(self, name: str) -> Entry[S]:
        """Return the one entry of that name.

        Raises:
            UnknownNameError: No plugin brings it; the message lists close names and broken plugins.
            NameConflictError: Several plugins bring it.
        """
        claims = self.entries.get(name, [])
        if not claims:
            raise self._unknown(name)
        if len(claims) > 1:
            owners = " and ".join(entry.plugin for entry in claims)
            raise NameConflictError(
                f"{self.kind} {name!r} is claimed by {owners}",
                hint=f"switch one of them off: CNNFORGE_DISABLE_PLUGINS={claims[-1].plugin}",
            )
        return claims[0]

    def _unknown(self, name: str) -> UnknownNameError:
        available = ", ".join(sorted(self.entries)) or "none"
        broken = ", ".join(info.id for info in self._host.broken())
        return UnknownNameError(
            f"unknown {self.kind} {name!r}.{did_you_mean(name, self.entries)} Available: {available}",
            hint=f"it may belong to a broken plugin ({broken}): see `cnnforge plugins`" if broken else None,
        )


def _specs_of_core(hook: str) -> list[Any]:
    """Return what the core itself brings to a hook, as its distribution declares; no plugin can have its names."""
    declared = distribution(CORE).entry_points.select(group=CORE_GROUP, name=hook)
    return [spec for entry_point in declared for spec in entry_point.load()]


class Registry:
    """Everything with a name that the plugins of a host bring."""

    def __init__(self, host: PluginHost) -> None:
        self.host = host
        self._catalogues: dict[type[Spec], Catalogue[Any]] = {}

    def add_file(self, path: Path) -> None:
        """Take a file for a plugin from now on, here and in the processes that this one starts.

        Raises:
            RecipeError: There is no such file.
        """
        info = self.host.add_file(path)
        known = os.environ.get(FILES_SWITCH, "").split(os.pathsep)
        if str(info.file) not in known:
            os.environ[FILES_SWITCH] = os.pathsep.join([*filter(None, known), str(info.file)])
        self._catalogues.clear()

    def catalogue(self, kind: type[S]) -> Catalogue[S]:
        """Return all specs of a kind; its hook is asked once."""
        if kind not in self._catalogues:
            self._catalogues[kind] = Catalogue(self.host, kind)
        return self._catalogues[kind]

    def catalogues(self) -> dict[str, Catalogue[Any]]:
        """Return the catalogue of every kind by the plural that the command line uses, such as ``data-sources``."""
        return {name: self.catalogue(kind) for name, kind in KINDS.items()}

    @property
    def architectures(self) -> Catalogue[ArchitectureSpec]:
        """The architectures."""
        return self.catalogue(ArchitectureSpec)

    @property
    def data_sources(self) -> Catalogue[DataSourceSpec]:
        """The data sources."""
        return self.catalogue(DataSourceSpec)

    @property
    def recipes(self) -> Catalogue[RecipeSpec]:
        """The recipes."""
        return self.catalogue(RecipeSpec)
