"""Networks of one's own, without a package: a function in a file or a notebook, or a ``keras.Model``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import cnnforge

if TYPE_CHECKING:
    import keras

    from cnnforge.running import Run

_SHA256 = "SHA-256 of what was recorded; set by what gives the network"


class FunctionOptions(cnnforge.Options):
    """A function that builds a network."""

    path: Annotated[str, cnnforge.Field(description="its file and name, such as my_net.py:build")] = ""
    sha256: Annotated[str, cnnforge.Field(description=_SHA256)] = ""
    arguments: Annotated[Mapping[str, Any], cnnforge.Field(description="what the function is given beside shapes")] = {}


class ModelOptions(cnnforge.Options):
    """A network that was given as it is."""

    sha256: Annotated[str, cnnforge.Field(description=_SHA256)] = ""
    trainable: Annotated[bool | None, cnnforge.Field(description="whether its layers learn; default: as it was")] = None


@cnnforge.hookimpl
def cnnforge_architectures() -> Iterator[cnnforge.ArchitectureSpec]:
    """Bring the two architectures."""
    yield cnnforge.ArchitectureSpec(
        name="own_function",
        summary="A function of your own: --architecture my_net.py:build, or cnnforge.run(model=build)",
        build="cnnforge_ownmodel.function:build",
        takes="cnnforge_ownmodel.function:take",
        options=FunctionOptions,
    )
    yield cnnforge.ArchitectureSpec(
        name="own_model",
        summary="A Keras model as it is: cnnforge.run(model=my_model)",
        build="cnnforge_ownmodel.model:build",
        takes="cnnforge_ownmodel.model:take",
        options=ModelOptions,
    )


@cnnforge.hookimpl
def cnnforge_model_built(run: Run, model: keras.Model) -> Iterator[str]:  # noqa: ARG001
    """Keep what a network was built from beside the run, for other machines; say nothing."""
    from cnnforge_ownmodel.kept import copy_to

    copy_to(run.directory.path, run.resolved.architecture_options)
    yield from ()
