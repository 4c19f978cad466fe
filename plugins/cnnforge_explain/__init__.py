"""What a network looks for and where it looks: the command ``explain``, Grad-CAM and occlusion."""

from __future__ import annotations

from collections.abc import Iterator

import cnnforge


@cnnforge.hookimpl
def cnnforge_commands() -> Iterator[cnnforge.CommandSpec]:
    """Bring the command."""
    yield cnnforge.CommandSpec(
        name="explain",
        summary="Show filters, feature maps, Grad-CAM and occlusion.",
        app="cnnforge_explain.command:explain",
        function="cnnforge_explain.interface:explain",
    )


@cnnforge.hookimpl
def cnnforge_explainers() -> Iterator[cnnforge.ExplainerSpec]:
    """Bring the two explainers."""
    yield cnnforge.ExplainerSpec(name="grad_cam", title="Grad-CAM", explain="cnnforge_explain.grad_cam:grad_cam")
    yield cnnforge.ExplainerSpec(name="occlusion", title="Occlusion", explain="cnnforge_explain.occlusion:occlusion")
