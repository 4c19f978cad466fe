"""The files of ``cnnforge new plugin``: an installable package that keeps the contracts from the start."""

from __future__ import annotations

import importlib.util
import keyword
import re
from importlib.resources import files as resources
from pathlib import Path
from string import Template

import cnnforge
from cnnforge.errors import RecipeError
from cnnforge.host import NAME_PATTERN
from cnnforge.system import files

_DISTRIBUTION_PATTERN = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_IMPORTS = """\
from collections.abc import Iterator
{path}from typing import Annotated

import cnnforge
from cnnforge import Field{tune}
"""


def plugin_files(
    distribution: str, *, architecture: str | None = None, data_source: str | None = None
) -> dict[str, str]:
    """Return the files of a new plugin: path in its folder to content.

    Args:
        distribution: Name of the package as pip knows it, such as ``acme-net``.
        architecture: Name of the architecture it brings.
        data_source: Name of the data source it brings. With neither name it brings an architecture of its own name.

    Raises:
        RecipeError: A name cannot be used.
    """
    package = _package(distribution)
    architecture = package if architecture is None and data_source is None else architecture
    brought = {"architecture": architecture, "data_source": data_source}
    values = {"distribution": distribution, "package": package, "version": cnnforge.__version__}
    for kind, name in brought.items():
        if name is not None:
            _check_name(kind, name)
            values |= {kind: name, f"{kind}_class": name.title().replace("_", "")}
    values["show"] = "\n".join(f"cnnforge show {name}" for name in dict.fromkeys(brought.values()) if name)
    values["run"] = _run_line(architecture, data_source)
    values["imports"] = _IMPORTS.format(
        path="from pathlib import Path\n" if data_source else "", tune=", Tune" if architecture else ""
    ).rstrip()
    kinds = [kind for kind, name in brought.items() if name is not None]
    values["parts"] = "\n".join(_render(f"{kind}_entry.py", values).rstrip() for kind in kinds)
    templates = {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        ".gitignore": "gitignore",
        ".github/workflows/test.yml": "test.yml",
        f"{package}/__init__.py": "entry.py",
        **({f"{package}/model.py": "model.py"} if architecture else {}),
        **({f"{package}/source.py": "source.py"} if data_source else {}),
        **{f"tests/test_{kind}.py": f"test_{kind}.py" for kind in kinds},
    }
    return {path: _render(template, values) for path, template in templates.items()}


def write_plugin(folder: Path, contents: dict[str, str]) -> None:
    """Write the files of a plugin into a new folder.

    Raises:
        RecipeError: The folder exists; nothing is ever overwritten.
        StorageError: It cannot be written.
    """
    with files.storage_errors(folder):
        try:
            folder.mkdir()
        except FileExistsError:
            raise RecipeError(f"expected the name of a new folder, received {folder}, which exists already") from None
    for path, content in contents.items():
        files.write_text(folder / path, content)


def _package(distribution: str) -> str:
    package = distribution.replace("-", "_")
    if not _DISTRIBUTION_PATTERN.fullmatch(distribution) or keyword.iskeyword(package):
        raise RecipeError(f"expected a name like acme-net, received {distribution!r}")
    if importlib.util.find_spec(package) is not None:
        raise RecipeError(
            f"expected a new name, received {distribution}: a module {package} is installed already",
            hint="the new package would hide it; choose another name",
        )
    return package


def _check_name(kind: str, name: str) -> None:
    if not NAME_PATTERN.fullmatch(name):
        raise RecipeError(f"expected a name like acme_net, received --{kind.replace('_', '-')} {name!r}")


def _run_line(architecture: str | None, data_source: str | None) -> str:
    source = f" --set data.source={data_source} --data PHOTOGRAPHS" if data_source else ""
    recipe = "directory-cnn" if data_source else "catsdogs"
    return f"cnnforge run {recipe}{f' --architecture {architecture}' if architecture else ''}{source}"


def _render(template: str, values: dict[str, str]) -> str:
    text = resources("cnnforge.scaffold").joinpath("templates", f"{template}.template").read_text(encoding="utf-8")
    return Template(text).substitute(values)
