"""Writing an explanation: PNG files, ``explanation.json``, and a page that holds everything."""

from __future__ import annotations

import io
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cnnforge.evaluation import overlay, to_picture
from cnnforge.report import page
from cnnforge.running import TrainedRun
from cnnforge.system import files
from cnnforge_explain.explanation import Explained, Explanation
from cnnforge_explain.pictures import filter_sheet, map_sheet


def write(explained: Explained, trained: TrainedRun, directory: Path) -> dict[str, Any]:
    """Write everything into a new or empty folder; return the content of ``explanation.json``.

    Of each group, the first photograph's maps are shown layer by layer.

    Raises:
        StorageError: It cannot be written.
    """
    pictures = _Pictures(directory)
    numbers = iter(range(1, 1_000_000))
    content = {
        "run": trained.directory.path.absolute().name,
        "notice": trained.directory.read_run()["data"].get("notice", ""),
        "architecture": trained.resolved.architecture.spec.name,
        "filters": None if explained.kernel is None else pictures.save("filters.png", filter_sheet(explained.kernel)),
        "kernel_shape": None if explained.kernel is None else list(explained.kernel.shape),
        "layers": [{"name": stage.layer.name, "shape": list(stage.shape)} for stage in explained.stages],
        "others": dict(explained.others),
        "left_out": dict(explained.left_out),
        "groups": [
            {
                "title": group.title,
                "photographs": [
                    _save(explanation, f"{next(numbers):02}", pictures, with_maps=place == 0)
                    for place, explanation in enumerate(explanations)
                ],
            }
            for group, explanations in explained.groups
        ],
        "agreement": _summary(explained.agreements),
    }
    files.write_json(directory / "explanation.json", content)
    files.write_text(
        directory / "index.html", page.render(__package__, "explain.html.j2", **content, uris=pictures.uris)
    )
    return content


class _Pictures:
    """Saves pictures as PNG files and keeps each as a URI for the page, photographs as JPEG, which is far smaller."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.uris: dict[str, str] = {}

    def save(self, name: str, picture: Image.Image, *, is_photograph: bool = False) -> str:
        with files.replacing(self._directory / name) as temporary:
            picture.save(temporary)
        embedded = io.BytesIO()
        picture.save(embedded, "JPEG" if is_photograph else "PNG", quality=88)
        self.uris[name] = page.data_uri(embedded.getvalue(), "image/jpeg" if is_photograph else "image/png")
        return name


def _save(explanation: Explanation, number: str, pictures: _Pictures, *, with_maps: bool) -> dict[str, Any]:
    photograph = explanation.photograph
    shown: dict[str, np.ndarray | None] = {"grad_cam": explanation.grad_cam, "occlusion": explanation.occlusion}

    def save(kind: str, picture: Image.Image) -> str:
        return pictures.save(f"{number}-{kind}.png", picture, is_photograph=True)

    return {
        "name": photograph.name,
        "label": photograph.label,
        "predicted": explanation.predicted,
        "probability": explanation.probability,
        "agreement": explanation.agreement,
        "photograph": save("photograph", to_picture(photograph.pixels)),
        **{
            kind: None if heatmap is None else save(kind.replace("_", "-"), overlay(photograph.pixels, heatmap))
            for kind, heatmap in shown.items()
        },
        "others": {
            name: save(f"other-{name}", overlay(photograph.pixels, heatmap))
            for name, heatmap in explanation.others.items()
        },
        "maps": [
            pictures.save(f"{number}-maps-{layer}.png", map_sheet(maps))
            for layer, maps in enumerate(explanation.maps, start=1)
            if with_maps
        ],
    }


def _summary(agreements: Sequence[float]) -> dict[str, float] | None:
    if not agreements:
        return None
    return {
        "num_photographs": len(agreements),
        "mean": statistics.mean(agreements),
        "lowest": min(agreements),
        "highest": max(agreements),
    }
