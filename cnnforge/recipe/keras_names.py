"""What Keras offers, read from its source without importing it.

Importing Keras takes seconds, and a misspelled optimizer should be reported before them.
``keras/optimizers/__init__.py`` lists what is public, ``keras/src/optimizers`` has the classes; their names and
constructors are all this module reads.
"""

from __future__ import annotations

import ast
import difflib
import functools
import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnnforge.errors import CnnforgeError, RecipeError, did_you_mean

# Names that are CNNForge's own, with their arguments; `cnnforge.network.components` builds them.
OWN_NAMES: Mapping[str, Mapping[str, frozenset[str]]] = {
    "schedules": {"cosine": frozenset({"warmup_epochs", "final_fraction"})},
    "losses": {"auto": frozenset()},
    "metrics": {"accuracy": frozenset()},
}

# What training gives to Keras itself, so that a recipe need not.
_SUPPLIED = frozenset({"learning_rate", "initial_learning_rate"})

# Exported by Keras to derive from; none of them works by itself.
_BASE_CLASSES = frozenset({"Optimizer", "LearningRateSchedule", "Loss", "Metric", "Callback", "CallbackList"})


@dataclass(frozen=True, slots=True)
class KerasClass:
    """A public class of Keras: its name, the arguments of its constructor (None: unknown), those without a default.

    ``default_name`` is what an object is called that is given no name.
    """

    name: str
    arguments: frozenset[str] | None
    required: frozenset[str] = frozenset()
    default_name: str = ""


def normalise(name: str) -> str:
    """Return a name as it is compared: ``"binary_crossentropy"`` and ``"BinaryCrossentropy"`` are one."""
    return name.lower().replace("_", "").replace("-", "")


def snake_case(name: str) -> str:
    """Return a class's name as Keras calls its objects by default: ``"MeanIoU"`` gives ``"mean_io_u"``."""
    words = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()


def check(key: str, kind: str, name: str, arguments: Mapping[str, Any]) -> None:
    """Check a component's name and the names of its arguments.

    A ``"package.module:Class"`` is only checked for its form; its arguments are checked when it is imported.

    Args:
        key: The setting, for messages.
        kind: ``optimizers``, ``schedules``, ``losses``, ``metrics`` or ``callbacks``.
        name: A Keras name in any spelling, a name of our own, or ``"package.module:Class"``.
        arguments: The arguments beside the name.

    Raises:
        RecipeError: The name or an argument is unknown.
    """
    if ":" in name:
        return
    if "learning_rate" in arguments and kind == "optimizers":
        raise RecipeError(f"{key}: expected the learning rate in training.learning_rate, received it in {key}")
    own = OWN_NAMES.get(kind, {})
    described = KerasClass(name, own[name]) if name in own else find(key, kind, name)
    known = described.arguments
    for argument in arguments:
        if known is not None and argument not in known:
            raise RecipeError(
                f"{key}: {name} has no argument {argument!r}.{did_you_mean(argument, known)}"
                f" Known: {', '.join(sorted(known - {'name', 'dtype'})) or 'none'}"
            )
    missing = described.required - _SUPPLIED - set(arguments)
    if missing:
        raise RecipeError(f"{key}: expected {name} with {', '.join(sorted(missing))}, received it without")


def find(key: str, kind: str, name: str) -> KerasClass:
    """Return the Keras class that a name means.

    Raises:
        RecipeError: Keras has none of that name.
    """
    classes = _classes(kind)
    known = classes.get(normalise(name))
    if known is None:
        names = [*(c.name for c in classes.values()), *OWN_NAMES.get(kind, {})]
        by_spelling = {normalise(n): n for n in names}
        close = difflib.get_close_matches(normalise(name), by_spelling, n=1)
        suggestion = f" Did you mean {by_spelling[close[0]]!r}?" if close else ""
        raise RecipeError(
            f"{key}: unknown name {name!r}.{suggestion} Available: {', '.join(sorted(names))}",
            hint="any other class can be named as 'package.module:Class'",
        )
    return known


@functools.cache
def _classes(kind: str) -> dict[str, KerasClass]:
    """Return Keras's public classes of one kind, by normalised name."""
    folder = "optimizers/schedules" if kind == "schedules" else kind
    sources = [path for path in sorted((_keras() / "src" / folder).glob("*.py")) if not path.stem.endswith("_test")]
    statements = [statement for path in sources for statement in _parsed(path)]
    definitions = {node.name: node for node in statements if isinstance(node, ast.ClassDef)}
    imports = [node for node in _parsed(_keras() / folder / "__init__.py") if isinstance(node, ast.ImportFrom)]
    public = {alias.name for node in imports for alias in node.names} & definitions.keys() - _BASE_CLASSES
    return {normalise(name): _describe(name, _constructor(definitions[name], definitions)) for name in sorted(public)}


def _keras() -> Path:
    spec = importlib.util.find_spec("keras")
    if spec is None or spec.origin is None:
        raise CnnforgeError("expected Keras to be installed", hint="pip install 'keras>=3.15'")
    return Path(spec.origin).parent


def _parsed(path: Path) -> list[ast.stmt]:
    return ast.parse(path.read_text(encoding="utf-8")).body


def _describe(name: str, constructor: ast.arguments | None) -> KerasClass:
    if constructor is None:
        return KerasClass(name, None, default_name=snake_case(name))
    positional = [a.arg for a in constructor.args if a.arg != "self"]
    by_keyword = [a.arg for a in constructor.kwonlyargs]
    required = [
        *positional[: len(positional) - len(constructor.defaults)],
        *(name for name, value in zip(by_keyword, constructor.kw_defaults, strict=True) if value is None),
    ]
    defaults = dict(zip(reversed(positional), reversed(constructor.defaults), strict=False))
    default_name = getattr(defaults.get("name"), "value", None) or snake_case(name)
    return KerasClass(name, frozenset([*positional, *by_keyword]), frozenset(required), default_name)


def _constructor(node: ast.ClassDef, definitions: Mapping[str, ast.ClassDef]) -> ast.arguments | None:
    """Return the arguments of a class's constructor, its own or inherited; None if that lies in another folder."""
    for statement in node.body:
        if isinstance(statement, ast.FunctionDef) and statement.name == "__init__":
            return statement.args
    for base in node.bases:
        name = base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")
        if name in definitions:
            return _constructor(definitions[name], definitions)
    return None
