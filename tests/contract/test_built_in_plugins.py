"""The plugins that come with CNNForge keep the contracts that it sets for all others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import cnnforge_catsdogs
import cnnforge_compare
import cnnforge_directory
import cnnforge_explain
import cnnforge_export
import cnnforge_report
import cnnforge_tuning
from cnnforge.system import files
from cnnforge.testing import (
    ArchitectureContract,
    AugmentationContract,
    DataSourceContract,
    MeasureContract,
    ReportSectionContract,
)
from cnnforge.testing.report_section import HOSTILE
from cnnforge_explain.testing import ExplainerContract
from cnnforge_export.testing import ExportFormatContract
from cnnforge_tuning.testing import ExecutorContract, SearchAlgorithmContract

pytestmark = pytest.mark.slow

FORMATS = {spec.name: spec for spec in cnnforge_export.cnnforge_export_formats()}
AUGMENTATIONS = {spec.name: spec for spec in cnnforge_directory.cnnforge_augmentations()}
ALGORITHMS = {spec.name: spec for spec in cnnforge_tuning.cnnforge_search_algorithms()}


class TestCatsDogsCnn(ArchitectureContract):
    (spec,) = cnnforge_catsdogs.cnnforge_architectures()
    input_shape = (64, 64, 3)
    backends = ("tensorflow", "jax")


class TestDirectory(DataSourceContract):
    (spec,) = cnnforge_directory.cnnforge_data_sources()


class TestCatsDogsDrawn(DataSourceContract):
    (spec,) = cnnforge_catsdogs.cnnforge_data_sources()


class TestCatsDogsPhotographs(DataSourceContract):
    (spec,) = cnnforge_catsdogs.cnnforge_data_sources()

    def options(self, tiny_images: Path) -> dict[str, Any]:
        for before, after in (("blue", "Cat"), ("red", "Dog")):
            (tiny_images / before).rename(tiny_images / after)
        return {"path": str(tiny_images)}


class TestGradCam(ExplainerContract):
    spec, _ = cnnforge_explain.cnnforge_explainers()


class TestOcclusion(ExplainerContract):
    _, spec = cnnforge_explain.cnnforge_explainers()


class TestKerasFormat(ExportFormatContract):
    spec = FORMATS["keras"]


class TestOnnxFormat(ExportFormatContract):
    spec = FORMATS["onnx"]


class TestGaussianBlur(AugmentationContract):
    spec = AUGMENTATIONS["gaussian_blur"]


class TestJpeg(AugmentationContract):
    spec = AUGMENTATIONS["jpeg"]


class TestRandom(SearchAlgorithmContract):
    spec = ALGORITHMS["random"]


class TestBayesian(SearchAlgorithmContract):
    spec = ALGORITHMS["bayesian"]


class TestGrid(SearchAlgorithmContract):
    spec = ALGORITHMS["grid"]


class TestHyperband(SearchAlgorithmContract):
    spec = ALGORITHMS["hyperband"]


class TestLocal(ExecutorContract):
    (spec,) = cnnforge_tuning.cnnforge_executors()


class TestTop5Accuracy(MeasureContract):
    (spec,) = cnnforge_directory.cnnforge_measures()


class SectionOfReport(ReportSectionContract):
    """A section that the plugin `report` brings, tried on a run of hostile names."""

    def prepare(self, directory: Path) -> None:
        facts = files.read_json(directory / "run.json")
        splits = {"train": {HOSTILE: 3, "dog": 4}}
        facts["data"] = {"location": HOSTILE, "class_names": [HOSTILE, "dog"], "num_images": 7, "splits": splits}
        files.write_json(directory / "run.json", {**facts, "seconds": {HOSTILE: 1.0}})
        one = {
            "name": HOSTILE,
            "label": HOSTILE,
            "label_probability": 0.1,
            "suggested": "dog",
            "suggested_probability": 1,
        }
        doubtful = {"name": HOSTILE, "file": "", "label": HOSTILE, "predicted": "dog", "probability": 0.5}
        suspected = {"num_images": 12, "num_suspects": 1, "suspects": [one]}
        files.write_json(directory / "examples.json", {"doubtful": [doubtful], "label_errors": suspected})

    def test_shows_something(self, finished: Path) -> None:
        assert self.rendered(finished)


for _spec in cnnforge_report.cnnforge_report_sections():
    _name = f"Test{_spec.name.title().replace('_', '')}OfReport"
    globals()[_name] = type(_name, (SectionOfReport,), {"spec": _spec, "__module__": __name__})


class TestReproduction(ReportSectionContract):
    (spec,) = cnnforge_compare.cnnforge_report_sections()

    def prepare(self, directory: Path) -> None:
        facts = {"recorded": HOSTILE, "verdict": "different", "figures": {"accuracy": [0.5, 0.25]}}
        files.write_json(directory / "reproduction.json", {**facts, "causes": [f"data: {HOSTILE}"]})

    def test_tells_the_outcome_and_why(self, finished: Path) -> None:
        text = self.rendered(finished)
        assert "Compared with it: different." in text
        assert "<td>0.5</td><td>0.25</td>" in text
        assert "<li>data: &lt;hostile&gt;" in text
