"""The documentation says what is true: its links, commands, settings, snippets and generated blocks."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import itertools
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cnnforge import scaffold
from cnnforge.data.manifest import Manifest
from cnnforge.data.scanned import ScannedImages
from cnnforge.host.kinds import KINDS
from cnnforge.host.plugin_host import PluginHost
from cnnforge.host.registry import Registry
from cnnforge.images.labelled_images import LeftOut
from cnnforge.recipe.loading import load_recipe, recipe_from_values
from cnnforge.recipe.resolving import resolve
from cnnforge.recipe.schema import Recipe
from cnnforge.running.recording import provenance
from cnnforge.running.run_dir import RunDir

ROOT = Path(__file__).resolve().parents[2]
ONE_FILE = ROOT / "examples" / "one-file"
SECTIONS = {name: Recipe.model_fields[name].annotation for name in ("data", "architecture", "training", "evaluation")}


def load_generator():
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(ROOT / "docs"))  # as for a script
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(ROOT / "docs"))
    return module


generator = load_generator()
PAGES = {page.relative_to(ROOT).as_posix(): page.read_text(encoding="utf-8") for page in generator.pages()}
COMMANDS = generator.commands()


def fences(language: str) -> list[tuple[str, str]]:
    """Every code block of a language (empty: of none), with its page."""
    pattern = re.compile(rf"^```{language}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    return [(page, block) for page, text in PAGES.items() for block in pattern.findall(strip_others(text, language))]


def strip_others(text: str, language: str) -> str:
    """Remove the blocks of other languages, so that no closing fence is taken for an opening one."""
    blocks = re.compile(r"^```(\w*)\n.*?^```$", re.MULTILINE | re.DOTALL)
    return blocks.sub(lambda block: block[0] if block[1] == language else "", text)


def inline_code() -> list[tuple[str, str]]:
    return [
        (page, " ".join(code.split()))
        for page, text in PAGES.items()
        for code in re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL))
    ]


def command_lines() -> Iterator[tuple[str, str]]:
    """Every `cnnforge …` line that a reader might type."""
    for page, block in fences(""):
        yield from ((page, line.strip()) for line in block.splitlines() if line.startswith("cnnforge "))
    yield from ((page, code) for page, code in inline_code() if code.startswith("cnnforge "))


def anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """The built-in plugins, those of plugins/ and examples/ and those that the guides write."""
    host = PluginHost.discover({"CNNFORGE_LOAD_PLUGINS": ""})
    for distribution, names in generator.NEW_PLUGINS.items():
        scaffold.write_plugin(tmp_path / distribution, scaffold.plugin_files(distribution, **names))
    for folder in (
        ONE_FILE,
        *(ROOT / "plugins").glob("cnnforge-*"),
        *(tmp_path / distribution for distribution in generator.NEW_PLUGINS),
    ):
        monkeypatch.syspath_prepend(str(folder))
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        for name, module in project.get("entry-points", {}).get("cnnforge", {}).items():
            host.register(importlib.import_module(module), f"{project['name']}:{name}", project["version"])
    yield Registry(host)
    for module in [name for name in sys.modules if name.startswith(("acme_", "mini_net"))]:
        del sys.modules[module]


@pytest.mark.parametrize("kind", [kind.__name__ for kind in KINDS.values()])
def test_every_kind_of_spec_is_described_with_its_arguments(kind: str) -> None:
    assert f"### {kind}\n" in PAGES["docs/reference/hooks.md"]
    assert f"<!-- generated: arguments {kind} -->" in PAGES["docs/reference/hooks.md"]


def test_the_picture_of_the_house_is_up_to_date() -> None:
    text = (ROOT / "docs" / "images" / "house.svg").read_text(encoding="utf-8")
    assert text == generator.house.picture(), "run: python docs/generate.py"


def test_the_imports_that_plugins_must_not_have_are_up_to_date() -> None:
    text = (ROOT / "plugins" / "ruff.toml").read_text(encoding="utf-8")
    assert text == generator.ruff_of_plugins(), "run: python docs/generate.py"


@pytest.mark.parametrize("page", PAGES)
def test_generated_blocks_are_up_to_date(page: str) -> None:
    assert generator.fill(PAGES[page]) == PAGES[page], "run: python docs/generate.py"
    assert PAGES[page].count("<!-- generated:") == PAGES[page].count("<!-- end -->")


@pytest.mark.parametrize("page", PAGES)
def test_relative_links_lead_to_files_and_headings(page: str) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", PAGES[page]):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        found = (ROOT / page).parent / path if path else ROOT / page
        if not found.exists() or (anchor and anchor not in anchors(found.read_text(encoding="utf-8"))):
            broken.append(target)
    assert broken == []


def test_every_page_is_linked_from_the_index_or_the_readme() -> None:
    linked = {
        ((ROOT / page).parent / target.partition("#")[0]).resolve()
        for page in ("README.md", "docs/index.md")
        for target in re.findall(r"\]\(([^)\s]+)\)", PAGES[page])
    }
    assert [page for page in PAGES if page.startswith("docs/") and (ROOT / page) not in linked] == []


def test_command_lines_name_commands_and_options_that_exist() -> None:
    lines = list(command_lines())
    unknown = [f"{page}: {line}" for page, line in lines if not is_known(line)]
    assert unknown == []
    assert len(lines) > 40


def is_known(line: str) -> bool:
    words = shlex.split(line, comments=True)
    if words[1] in ("COMMAND", "--help"):
        return True
    path = next((name for n in (3, 2) if (name := " ".join(words[:n])) in COMMANDS), None)
    if path is None:
        return False
    marks = [(parameter, mark) for parameter, mark in generator.parameters(COMMANDS[path])]
    options = {generator.spelling(*pair).partition(" ")[0] for pair in marks} | {"--help", "--traceback", "--plugin"}
    return {word for word in words if word.startswith("--")} <= options


def test_runs_that_the_docs_show_have_known_recipes_and_settings(registry: Registry) -> None:
    num_checked = 0
    for _, line in command_lines():
        words = shlex.split(line, comments=True)
        if words[1] != "run" or len(words) < 3 or words[2].startswith("--"):
            continue
        if words[2].endswith(".toml") or words[2].isupper():
            continue
        settings = [value for option, value in itertools.pairwise(words) if option == "--set"]
        architecture = words[words.index("--architecture") + 1] if "--architecture" in words else None
        if "…" not in line and architecture != "NAME":
            resolve(load_recipe(words[2], registry, settings, architecture=architecture), registry)
            num_checked += 1
    assert num_checked > 15


def test_settings_that_the_docs_mention_exist(registry: Registry) -> None:
    options = [entry.spec.options for entry in (*registry.architectures.all(), *registry.data_sources.all())]
    of_plugins = {name for owner in options for name in owner.model_fields}
    pattern = re.compile(r"(?:--set '?)?(data|architecture|training|evaluation)\.(?!json|jpg)([a-z_]+)")
    mentioned = {(page, m[1], m[2]) for page, code in inline_code() if (m := pattern.match(code))}
    unknown = [m for m in mentioned if m[2] not in SECTIONS[m[1]].model_fields and m[2] not in of_plugins]
    assert unknown == []
    assert len(mentioned) > 15


def test_environment_variables_that_the_docs_mention_are_read_somewhere() -> None:
    code = "".join(
        path.read_text(encoding="utf-8")
        for folder in ("cnnforge", "tests")
        for path in (ROOT / folder).rglob("*.py")
        if path != Path(__file__)
    )
    mentioned = {name for text in PAGES.values() for name in re.findall(r"\bCNNFORGE_\w+", text)}
    assert {name for name in mentioned if name not in code} == set()
    assert len(mentioned) >= 6


def test_files_of_the_project_that_the_docs_name_exist() -> None:
    named = [
        (page, code)
        for page, code in inline_code()
        if re.fullmatch(r"(cnnforge|plugins|docs|tests|examples)/[\w./-]+", code)
    ]
    assert [(page, code) for page, code in named if not (ROOT / code).exists()] == []
    assert named


def test_make_targets_that_the_docs_name_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    blocks = "\n".join(block for _, block in fences(""))
    shown = set(re.findall(r"^make ([a-z-]+)", blocks, re.MULTILINE))
    shown |= {code.removeprefix("make ") for _, code in inline_code() if re.fullmatch(r"make [a-z-]+", code)}
    assert {target for target in shown if not re.search(rf"^{target}:", makefile, re.MULTILINE)} == set()
    assert {"run", "test"} <= shown


def test_python_snippets_parse() -> None:
    blocks = [block for _, block in fences("python")]
    parsed = [ast.parse(b if not b.startswith("def cnnforge_") else f"{b.strip()}: ...") for b in blocks]
    assert len(parsed) >= 5
    assert all(tree.body for tree in parsed)


def test_recipes_in_the_docs_are_valid(registry: Registry) -> None:
    parsed = [tomllib.loads(block) for _, block in fences("toml")]
    recipes = [values for values in parsed if "project" not in values]
    for values in recipes:
        complete = {"data": {"source": "directory"}, "architecture": {"name": "catsdogs_cnn"}, **values}
        resolve(recipe_from_values(complete, "snippet", "snippet"), registry)
    assert len(recipes) >= 4


def test_the_run_directory_page_names_every_file() -> None:
    text = PAGES["docs/reference/run-directory.md"]
    folder = RunDir(Path("run"))
    paths = [
        path for name, path in inspect.getmembers(folder, lambda member: isinstance(member, Path)) if name != "path"
    ]
    assert [path for path in paths if f"| `{path.relative_to('run').as_posix()}" not in text] == []
    assert len(paths) >= 20


def test_the_run_directory_page_names_every_key(registry: Registry) -> None:
    from cnnforge.evaluation.measures import measure
    from cnnforge.evaluation.predictions import Predictions

    manifest = small_manifest()
    predictions = Predictions("test", ["a", "b"], ["x", "y"], np.array([0, 1]), np.array([[0.9, 0.1], [0.2, 0.8]]))
    measured = measure(predictions, registry)
    written = {
        "run.json": provenance(resolve(load_recipe("catsdogs", registry), registry)),
        "data": manifest.summary(),
        "manifest.jsonl": {key for line in manifest.lines() for key in line},
        "evaluation.json": measured,
        "per_class": measured["per_class"][0],
        "reliability": measured["reliability"][0],
        "roc_curves": measured["roc_curves"][0],
    }
    documented = set(re.findall(r"`(\w+)`", PAGES["docs/reference/run-directory.md"]))
    assert {name: missing for name, keys in written.items() if (missing := set(keys) - documented)} == {}


def small_manifest() -> Manifest:
    """Two copies, a look-alike, and two images left out, so that lines of every kind are there."""
    return Manifest(
        class_names=["a", "b"],
        names=["1", "2", "3", "4"],
        labels=np.array([0, 0, 1, 1]),
        splits=np.array([0, 0, 0, -1]),
        scanned=ScannedImages.empty(4),
        reasons={3: "empty file"},
        left_out=[LeftOut("5", "a .txt file is no photograph")],
        duplicates=[np.array([0, 1])],
        near_duplicates=[np.array([0, 2])],
    )


def test_the_example_plugins_are_sound(registry: Registry) -> None:
    assert {"acme_net", "mini_net"} <= set(registry.architectures.entries)
    assert "acme_photos" in registry.data_sources.entries
    assert registry.host.broken() == []


def test_the_example_in_one_file_keeps_the_contract(registry: Registry) -> None:
    from cnnforge.testing import learning_checks, network_checks, plugin_checks
    from cnnforge.testing.network import Network

    spec = registry.architectures.get("mini_net").spec
    network = Network(spec, spec.options(), (64, 64, 3))
    plugin_checks.check_options(spec.options)
    network_checks.check_probabilities(network.build(2))
    network_checks.check_small_images(network)
    network_checks.check_corners(network)
    learning_checks.check_learns_by_heart(network)
