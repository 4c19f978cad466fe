"""The architecture ``keras_file``: somebody else's ``.keras`` file, with a head for these classes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import cnnforge

if TYPE_CHECKING:
    import keras

    from cnnforge.running import Run


class KerasFileOptions(cnnforge.Options):
    """Options of the architecture ``keras_file``."""

    path: Annotated[str, cnnforge.Field(description="the .keras file")] = ""
    sha256: Annotated[str, cnnforge.Field(description="SHA-256 of the file, as it was when it was given")] = ""
    trainable: Annotated[bool, cnnforge.Field(description="whether the layers of the file learn too")] = False


@cnnforge.hookimpl
def cnnforge_architectures() -> Iterator[cnnforge.ArchitectureSpec]:
    """Bring the architecture."""
    yield cnnforge.ArchitectureSpec(
        name="keras_file",
        summary="A .keras file of somebody else, loaded safely, with a new head: --architecture own.keras",
        build="cnnforge_keras_files.architecture:build",
        takes="cnnforge_keras_files.architecture:take",
        options=KerasFileOptions,
    )


@cnnforge.hookimpl
def cnnforge_model_built(run: Run, model: keras.Model) -> Iterator[str]:  # noqa: ARG001
    """Keep the file beside the run; say nothing."""
    options = run.resolved.architecture_options
    if isinstance(options, KerasFileOptions):
        from cnnforge_keras_files.architecture import copy_to

        copy_to(run.directory.path, options.sha256)
    yield from ()
