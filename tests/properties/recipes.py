"""Strategies for recipes: sound ones, and sound ones with one mistake in them."""

from __future__ import annotations

import copy
import datetime
from typing import Any

from hypothesis import strategies as st

# What TOML can hold; surrogates are no text.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
scalars = st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=5
)
strange = (
    values
    | st.floats()
    | st.integers()
    | st.dates()
    | st.datetimes(timezones=st.just(datetime.UTC))
    | st.just({"name": {"name": 3}})
    | st.lists(st.lists(values, max_size=2), max_size=2)
)

_sizes = st.integers(1, 4096)
_counts = st.integers(1, 2**40)
_seeds = st.integers(0, 2**31 - 1)
_fractions = st.floats(0, 0.49)
_shares = st.floats(0, 1)
_positive = st.floats(min_value=0, exclude_min=True, allow_infinity=False)


def _components(*names: str) -> st.SearchStrategy[Any]:
    arguments = st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True).filter(lambda k: k != "name"), values)
    named = st.sampled_from(names)
    return named | st.builds(lambda name, given: {"name": name, **given}, named, arguments)


def _ranges() -> st.SearchStrategy[Any]:
    numbers = st.integers(-1000, 1000) | st.floats(-1000, 1000)
    ends = st.fixed_dictionaries({}, optional={"low": numbers, "high": numbers, "step": _counts, "log": st.booleans()})
    return ends | st.builds(lambda found: {"values": found}, st.lists(scalars, min_size=1, max_size=4))


_DATA = {
    "image_size": st.lists(_sizes, min_size=2, max_size=2),
    "color_mode": st.sampled_from(["rgb", "grayscale"]),
    "interpolation": st.sampled_from(["nearest", "bilinear", "bicubic", "lanczos"]),
    "background": st.lists(st.integers(0, 255), min_size=3, max_size=3),
    "subset": st.floats(0, 1, exclude_min=True),
    "validation_fraction": _fractions,
    "test_fraction": _fractions,
    "split_seed": st.integers(0, 2**60),
    "max_pixels": _counts,
    "max_unreadable": _shares,
    "strict": st.booleans(),
    "allow_leaks": st.booleans(),
    "store": st.sampled_from(["auto", "disk", "memory", "off"]),
    "path": texts,
    "seed": st.integers(0, 9),
    "more": values,
}
_TRAINING = {
    "epochs": _counts,
    "batch_size": _counts,
    "learning_rate": _positive,
    "optimizer": _components("adam", "rmsprop", "acme:Optimizer"),
    "schedule": _components("cosine", "ExponentialDecay"),
    "loss": _components("auto", "BinaryCrossentropy"),
    "metrics": st.lists(_components("accuracy", "AUC"), max_size=3),
    "callbacks": st.lists(_components("EarlyStopping", "acme.callbacks:Mine"), max_size=3),
    "augmentation": st.sampled_from(["none", "light", "standard", "strong"]),
    "class_balance": st.sampled_from(["none", "weights", "sampling"]),
    "precision": st.sampled_from(["auto", "float32", "bfloat16"]),
    "checkpoint_minutes": _positive,
    "checkpoint_steps": _counts,
    "seed": _seeds,
}
_TUNING = {
    "search": st.lists(texts, max_size=3),
    "space": st.dictionaries(texts, st.dictionaries(texts, _ranges(), max_size=2), max_size=2),
    "algorithm": st.sampled_from(["random", "bayesian", "hyperband", "grid"]),
    "trials": _counts,
    "objective": texts,
    "direction": st.sampled_from(["auto", "max", "min"]),
    "pruning": st.sampled_from(["none", "median", "halving"]),
    "trial_time_limit_seconds": _positive,
    "confirm": st.integers(0, 5),
    "confirm_seeds": _counts,
    "keep": _counts,
    "seed": _seeds,
}
_EVALUATION = {
    "split": st.sampled_from(["test", "validation", "train"]),
    "num_mistakes": st.integers(0, 200),
}
_ARCHITECTURE = {"units": st.integers(1, 64), "rate": _fractions, "is_deep": st.booleans(), "more": values}

recipes: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "name": st.from_regex(r"[a-z][a-z0-9_-]{0,12}", fullmatch=True),
        "data": st.fixed_dictionaries({"source": st.just("photos")}, optional=_DATA),
        "architecture": st.fixed_dictionaries({"name": st.just("tiny")}, optional=_ARCHITECTURE),
    },
    optional={
        "format": st.just(1),
        "training": st.fixed_dictionaries({}, optional=_TRAINING),
        "evaluation": st.fixed_dictionaries({}, optional=_EVALUATION),
        "tuning": st.fixed_dictionaries({}, optional=_TUNING),
        "executor": st.fixed_dictionaries({}, optional={"name": texts, "workers": st.integers(1, 4)}),
    },
)
SECTIONS = {"data": _DATA, "architecture": _ARCHITECTURE, "training": _TRAINING, "tuning": _TUNING}


@st.composite
def mistaken(draw: st.DrawFn) -> dict[str, Any]:
    """Return a recipe in which one setting is misspelt, missing, added, or of any value whatever."""
    found = copy.deepcopy(draw(recipes))
    section = draw(st.sampled_from([*found, *SECTIONS]))
    if draw(st.booleans()) or not isinstance(found.get(section, {}), dict):
        found[draw(st.just(section) | texts)] = draw(strange)
        return found
    settings = found.setdefault(section, {})
    name = draw(st.sampled_from([*settings, *SECTIONS.get(section, {}), "name"]) | texts)
    action = draw(st.sampled_from(["replace", "misspell", "remove"]))
    if action == "replace":
        settings[name] = draw(strange)
    elif action == "misspell":
        settings[f"{name}s"] = settings.pop(name, 1)
    else:
        settings.pop(name, None)
    return found
