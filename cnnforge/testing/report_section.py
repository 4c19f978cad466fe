"""The contract of sections of the report, to subclass."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from cnnforge.evaluation import Predictions, measure
from cnnforge.host import Entry, PluginHost, Registry, ReportSectionSpec
from cnnforge.report import read_run_files, render_section
from cnnforge.system import files
from cnnforge.testing.failure import fail
from cnnforge.testing.plugin import PluginContract

HOSTILE = "<hostile>&\"'"
"""The name of a class, of images and of the recipe in the runs that a section is tried on."""

_NUM_IMAGES = 12


def write_run(directory: Path, state: str) -> Path:
    """Write the files of a run that is ``finished``, ``failed`` in its second epoch, or ``empty``: just begun."""
    run = {"status": "started" if state == "empty" else state, "recipe": HOSTILE}
    files.write_json(directory / "run.json", run)
    if state == "empty":
        return directory
    files.write_text(directory / "metrics.jsonl", '{"epoch": 1, "loss": 0.7, "val_loss": 0.6, "val_accuracy": 0.5}\n')
    if state == "failed":
        return directory
    labels = np.arange(_NUM_IMAGES) % 2
    second = np.linspace(0.05, 0.95, _NUM_IMAGES, dtype=np.float32)
    names = [f"{HOSTILE}/{number}.jpg" for number in range(_NUM_IMAGES)]
    predictions = Predictions("test", [HOSTILE, "dog"], names, labels, np.stack([1 - second, second], axis=1))
    predictions.write(directory / "predictions.csv")
    files.write_json(directory / "evaluation.json", {**measure(predictions, Registry(PluginHost())), "mistakes": []})
    return directory


class ReportSectionContract(PluginContract):
    """What every section must keep. Subclass it in a class whose name starts with ``Test``, and set ``spec``.

    Attributes:
        spec: The section, as the plugin's hook returns it.
    """

    spec: ClassVar[ReportSectionSpec]

    def prepare(self, directory: Path) -> None:
        """Write into the directory of a finished run what the section reads besides; nothing, unless overridden."""

    def rendered(self, directory: Path) -> str:
        """Return the section of a run as HTML, empty if it has nothing to show; the test fails if it does."""
        section = render_section(Entry(self.spec, "under test"), read_run_files(directory, Registry(PluginHost())))
        if section is not None and section.error:
            fail(section.error, "return text or well-formed markupsafe.Markup, whichever files a run has; '' for none")
        return "" if section is None else str(section.body)

    @pytest.fixture
    def finished(self, tmp_path: Path) -> Path:
        """Return the directory of a finished run."""
        self.prepare(write_run(tmp_path, "finished"))
        return tmp_path

    def test_shows_a_finished_run_the_same_each_time(self, finished: Path) -> None:
        first, second = self.rendered(finished), self.rendered(finished)
        if first != second:
            fail("the same files give two sections", "show what stands in the files alone: no time, nothing at random")

    @pytest.mark.parametrize("state", ["failed", "empty"])
    def test_does_without_the_files_of_a_run_that_did_not_finish(self, tmp_path: Path, state: str) -> None:
        self.rendered(write_run(tmp_path, state))

    def test_names_are_escaped(self, finished: Path) -> None:
        if "<hostile>" in self.rendered(finished):
            fail("a name with < and > in it becomes HTML", "insert names with Markup('<p>{}</p>').format(name)")

    def test_leaves_the_files_of_the_run_as_they_are(self, finished: Path) -> None:
        before = {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()}
        self.rendered(finished)
        if {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()} != before:
            fail("the files of the run are others after the report was made", "write nothing into the run directory")
