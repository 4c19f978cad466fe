"""The contract of export formats finds what the gate refuses, and a script that needs more than what is shipped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import cnnforge
from cnnforge_export.testing import ArchitectureExportContract, ExportFormatContract, check_script_alone

pytestmark = pytest.mark.slow

ANSWERS = """
import csv, sys
rows = {row["file"]: row["predicted"] for row in csv.DictReader(open("golden/expected.csv"))}
print("file,predicted")
for name in sys.argv[1:]:
    print(f"{name},{rows[name]}")
"""


def one_output(trained, path, options):
    """Write a network whose answer is always the same."""
    trained.model.set_weights([weight * 0 for weight in trained.model.get_weights()])
    trained.model.save(path)


def contract(write: Callable, **fields) -> ExportFormatContract:
    spec = cnnforge.ExportFormatSpec(
        name="tested",
        summary="tested",
        write=f"{__name__}:{write.__name__}",
        consumer="cnnforge_export:consumers/keras.py",
        file_name="model.keras",
        **fields,
    )
    return type("Contract", (ExportFormatContract,), {"spec": spec})()


def test_another_network_fails(tiny_images, tmp_path, monkeypatch):
    with pytest.raises(pytest.fail.Exception, match=r"golden/pixels/.*\n.* and 2 classes"):
        contract(one_output).test_an_export_passes_the_gate(2, tiny_images, tmp_path, monkeypatch)


def test_what_is_not_installed_is_skipped(tiny_images, tmp_path, monkeypatch):
    with pytest.raises(pytest.skip.Exception, match="no-such-package is not installed"):
        made = contract(one_output, packages=("no-such-package",))
        made.test_an_export_passes_the_gate(2, tiny_images, tmp_path, monkeypatch)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    (folder / "golden").mkdir(parents=True)
    (folder / "golden" / "expected.csv").write_text("file,predicted\na.png,cat\nb.png,dog\n")
    return folder


def test_a_script_that_needs_nothing_else_passes(export: Path):
    (export / "classify.py").write_text(ANSWERS)
    check_script_alone(export)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda script, export: script.replace("golden/", f"{export}/golden/"), "fails where it is shipped to"),
        (lambda script, _: f"import cnnforge{script}", "or imports CNNForge"),
        (lambda script, _: script.replace("sys.argv[1:]", "sys.argv[2:]"), "a line for each image"),
    ],
)
def test_a_script_that_needs_more_fails(export: Path, change, problem: str):
    (export / "classify.py").write_text(change(ANSWERS, export))
    with pytest.raises(pytest.fail.Exception, match=problem):
        check_script_alone(export)


@pytest.mark.parametrize("build", ["subclassed", "not_exportable"])
def test_what_cannot_be_exported_is_found(build: str, tiny_images: Path, tmp_path: Path, monkeypatch):
    spec = cnnforge.ArchitectureSpec(
        name="net", summary="net", build=f"tests.unit.testing.broken_networks:{build}", input_shape=(16, 16, 3)
    )
    made = type("Contract", (ArchitectureExportContract,), {"spec": spec})()
    if build == "subclassed":
        made.test_can_be_exported("onnx", tiny_images, tmp_path, monkeypatch)
        return
    with pytest.raises(pytest.fail.Exception, match=r"(?s)as onnx: .*InNumPy.*\n→ .*keras.ops"):
        made.test_can_be_exported("onnx", tiny_images, tmp_path, monkeypatch)
