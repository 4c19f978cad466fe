"""What every plugin must keep, whatever it brings: a light entry module, sound specs, options that recipes can hold."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from cnnforge.cli import HEAVY
from cnnforge.errors import CnnforgeError
from cnnforge.host import ENTRY_POINT_GROUP, Options, PluginHost, Registry, Spec
from cnnforge.recipe import validate
from cnnforge.testing.failure import fail

_IMPORT = """\
import importlib, sys
sys.path[:0] = sys.argv[2:]
importlib.import_module(sys.argv[1])
print(*{name.partition(".")[0] for name in sys.modules})
"""


def entry_module(spec: Spec) -> str:
    """Return the module of the plugin that brings a spec, installed or a file (then its path)."""
    registry = Registry(PluginHost.discover())
    owners = {entry.plugin for entry in registry.catalogue(type(spec)).all() if entry.spec == spec}
    points = entry_points(group=ENTRY_POINT_GROUP)
    modules = [point.module for point in points if point.dist and f"{point.dist.name}:{point.name}" in owners]
    modules += [str(info.file) for info in registry.host.plugins.values() if info.file and info.id in owners]
    if not modules:
        broken = "".join(f"\nbroken: {info.id}: {info.error}" for info in registry.host.broken())
        fail(
            f"no installed plugin brings this {spec.kind}, {spec.name!r}{broken}",
            "add [project.entry-points.cnnforge] to pyproject.toml, return the spec from the hook, and install the"
            " plugin: pip install --editable .",
        )
    return modules[0]


def check_entry_module_is_light(module: str) -> None:
    """Import a plugin's entry module in a new interpreter and look at what came with it."""
    path = [str(Path(module).parent)] if module.endswith(".py") else []
    command = [sys.executable, "-c", _IMPORT, Path(module).stem if path else module, *path]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=300, check=False)
    if done.returncode:
        fail(
            f"the entry module {module} cannot be imported:\n{done.stderr}",
            "mend the import; whatever the plugin needs must be among the dependencies in its pyproject.toml",
        )
    heavy = sorted(set(HEAVY) & set(done.stdout.split()))
    if heavy:
        fail(
            f"importing {module} imports {', '.join(heavy)}, and every command of cnnforge would wait for that",
            "import it in the module that the spec names, or inside the function that needs it",
        )


def check_spec(spec: Spec) -> None:
    """Check the name, the summary, the names of code and the search spaces of the options."""
    problems = spec.problems()
    if problems:
        fail(f"{spec.kind} {spec.name!r}: {'; '.join(problems)}", "mend the spec that the plugin's hook returns")


def check_options(options: type[Options]) -> None:
    """Check that the options have a JSON schema and descriptions, and that a recipe can hold their defaults."""
    try:
        schema = options.model_json_schema()
        json.dumps(schema)
    except Exception as error:
        fail(
            f"{options.__name__} has no JSON schema: {error}",
            "use types that JSON knows, or pydantic's own types",
            error,
        )
    mute = [name for name, setting in schema.get("properties", {}).items() if not setting.get("description")]
    if mute:
        fail(
            f"{options.__name__}: {', '.join(mute)} has no description",
            "give it one, `cnnforge show` prints it: Annotated[int, Field(description=…)]",
        )
    defaults = options()
    if restored(options, defaults.model_dump(mode="json", exclude_none=True)) != defaults:
        fail(
            f"{options.__name__} is not the same after having been written into a recipe and read again",
            "let validators return what they were given, and use types whose JSON says everything",
        )


def restored(options: type[Options], values: dict[str, Any]) -> Options:
    """Return the options of values as a recipe holds them."""
    try:
        return validate(options, values, options.__name__)
    except CnnforgeError as error:
        fail(f"{options.__name__} refuses its own settings: {error}", "let bounds and validators admit them", error)
