"""``cnnforge data arrays``: photographs as NumPy arrays, for a program of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from cnnforge.cli import SettingsOption
from cnnforge.errors import RecipeError
from cnnforge.system import files


def arrays(
    out: Annotated[Path, typer.Argument(help="The .npz file to write: images, labels, class_names.")],
    path: Annotated[Path | None, typer.Argument(help="Folder or archive of photographs.")] = None,
    split: Annotated[Literal["train", "validation", "test"], typer.Option("--split", help="Which images.")] = "train",
    recipe: Annotated[
        str, typer.Option("--recipe", help="Recipe whose data source and settings are used.")
    ] = "directory-cnn",
    settings: SettingsOption = None,
) -> None:
    """Write photographs as arrays of pixels and labels, as a run would train on them."""
    if out.exists() or out.suffix != ".npz":
        raise RecipeError(f"expected a new file that ends in .npz, received {out}")
    import numpy as np

    from cnnforge_data.interface import open_data

    data = open_data(path, recipe=recipe, settings=settings or ())
    images, labels = data.arrays(split)
    with files.replacing(out) as temporary, temporary.open("wb") as file:
        np.savez(file, images=images, labels=labels, class_names=np.array(data.class_names))
    typer.echo(f"Written  {out}: {split} images {images.shape}")
