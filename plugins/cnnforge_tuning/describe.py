"""What ``cnnforge show`` says of what can be searched."""

from __future__ import annotations

from typing import Any

from cnnforge.host import ArchitectureSpec, Entry
from cnnforge.recipe import ResolvedRecipe
from cnnforge_tuning.ranges import search_spaces
from cnnforge_tuning.space import describe_size, hyperparameters


def describe(shown: ResolvedRecipe | Entry[ArchitectureSpec]) -> dict[str, Any]:
    """Return the search spaces of a recipe and their size, or what an architecture's own search space draws.

    Keras Tuner is imported only if the architecture has one.
    """
    if isinstance(shown, ResolvedRecipe):
        found = hyperparameters(shown)
        spaces = {h.name: h.text for h in found if h.drawing}
        spaces |= {key: space.describe() for key, space in search_spaces(shown).items()}
        return {"search": spaces, "search_size": describe_size(found)} if spaces else {}
    if shown.spec.search_space is None:
        return {}
    from cnnforge_tuning.conditional import discover, drawing_of

    return {"search_space": {h.name: h.text for h in discover(drawing_of(shown))}}
