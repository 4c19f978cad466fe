"""Explaining a run, for the command line and for Python alike."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from cnnforge.errors import RecipeError
from cnnforge.host import ExplainerSpec
from cnnforge.interface import default_reporter, registry
from cnnforge.running import RunDir, default_run_name
from cnnforge.system import Reporter

if TYPE_CHECKING:
    import cnnforge


def explain(
    run: cnnforge.Run,
    images: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | None = None,
    *,
    out: str | Path | None = None,
    reporter: Reporter | None = None,
) -> Path:
    """Write filters, feature maps, Grad-CAM and occlusion; return the page, beside ``explanation.json``.

    Args:
        run: A trained run.
        images: Paths as ``cnnforge predict`` takes them; None: the most telling ones of the run's evaluation.
        out: New or empty folder; None: a new one in the run's ``explanations``.
        reporter: Told how far it is; None: it is shown here.

    Raises:
        RecipeError: The folder is not empty, or there are too many images.
        DataError: An image cannot be read.
    """
    directory = RunDir(run.directory)
    folder = Path(out or directory.explanations / default_run_name("explain"))
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise RecipeError(
            f"expected a new or empty folder, received --out {folder}", hint="nothing is ever overwritten"
        )
    if reporter is None:
        with default_reporter() as own:
            return explain(run, images, out=folder, reporter=own)
    trained = run.trained
    from cnnforge_explain import explanation, explanation_page, selection

    paths = [images] if isinstance(images, str | os.PathLike) else images
    groups = (
        selection.of_evaluation(trained) if not paths else selection.given([os.fspath(path) for path in paths], trained)
    )
    explained = explanation.explain(trained, groups, registry().catalogue(ExplainerSpec), reporter)
    explanation_page.write(explained, trained, folder)
    return folder / "index.html"
