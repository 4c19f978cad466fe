"""What makes training steps faster on a processor, and measures them: the command ``benchmark``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import cnnforge

if TYPE_CHECKING:
    import keras


@cnnforge.hookimpl
def cnnforge_commands() -> Iterator[cnnforge.CommandSpec]:
    """Bring the command."""
    yield cnnforge.CommandSpec(
        name="benchmark",
        summary="Measure where the time of a recipe goes on this machine.",
        app="cnnforge_fast_cpu.command:benchmark",
    )


@cnnforge.hookimpl
def cnnforge_model_built(model: keras.Model) -> list[str]:
    """Have training steps computed in fewer passes over memory."""
    from cnnforge_fast_cpu.fused_normalization import fuse_normalization
    from cnnforge_fast_cpu.fused_updates import fuse_large_updates
    from cnnforge_fast_cpu.late_relu import rectify_after_pooling

    fuse_large_updates(model.optimizer)
    rectify_after_pooling(model)
    fuse_normalization(model)
    return ["large updates fused", "ReLU after pooling", "normalization fused"]
