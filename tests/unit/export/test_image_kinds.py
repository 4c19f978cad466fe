"""Every kind of image file that training reads goes through the gate, in every format; what cannot is said."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cnnforge.data import DecodeSettings, decode
from cnnforge.errors import ExportError
from cnnforge.host import Entry, PluginHost, Registry
from cnnforge.system import Reporter
from cnnforge_export import cnnforge_export_formats, golden
from cnnforge_export.export import export
from cnnforge_export.image_kinds import image_kinds
from cnnforge_export.testing import tiny_run

pytestmark = pytest.mark.slow

FORMATS = {spec.name: spec for spec in cnnforge_export_formats()}
CLASSES = ("ill", "normal")


class Said(Reporter):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


def deep(number: int, label: int) -> np.ndarray:
    """Grey of 16 bits that uses all of them, brighter for one class."""
    y, x = np.mgrid[:30, :40]
    wave = 60 * np.sin((x * (number % 5 + 1) + y * (number % 3 + 1)) / 9) + 60 + 120 * label
    return (np.clip(wave, 0, 255) * 257).astype(np.uint16)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """An untrained run of PNG files of 16 bits, with a photograph of each other format among them."""
    folder = tmp_path_factory.mktemp("kinds")
    for label, name in enumerate(CLASSES):
        (folder / "images" / name).mkdir(parents=True)
        for number in range(30):
            Image.fromarray(deep(number, label)).save(folder / "images" / name / f"{number}.png")
    for kind, content in image_kinds().items():
        (folder / "images" / CLASSES[len(kind) % 2] / kind).write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CNNFORGE_CACHE_DIR", str(folder / "cache"))
        patch.setenv("CUDA_VISIBLE_DEVICES", "-1")
        yield tiny_run(Registry(PluginHost.discover({"CNNFORGE_LOAD_PLUGINS": ""})), folder / "images", folder)


@pytest.mark.parametrize("name", FORMATS)
def test_no_kind_is_left_out_in_silence(name: str, run: Any, tmp_path: Path) -> None:
    spec, reporter = FORMATS[name], Said()
    facts = export(run, Entry(spec, "cnnforge:export"), spec.options(), tmp_path / "export", reporter)
    checks = {check["checked"]: check for check in facts["checks"]}
    assert checks["image kinds"]["num_images"] + len(facts["untried_kinds"]) == len(image_kinds())
    assert checks["photographs"]["num_images"] + sum(facts["untried"].values()) == checks["pixels"]["num_images"]
    assert max(check["max_difference"] for check in checks.values()) <= 1e-4
    assert not any(check["num_other_class"] for check in checks.values())
    said = [line for line in reporter.lines if line.startswith("Untried")]
    if name == "saved-model":
        suffixes = {kind.rpartition(".")[2] for kind in facts["untried_kinds"] if kind != "cmyk.jpg"}
        assert not suffixes & {"jpg", "png"}
        assert said[-1] == "Untried  kinds of image files: AVIF, BMP, CMYK, GIF, HEIF, TIFF, WEBP"
    else:
        assert facts["untried_kinds"] == []
        assert facts["untried"] == {}
        assert said == []


def test_a_script_that_decodes_in_its_own_way_is_refused_by_name(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(resource: str, owner: str) -> bytes:
        from cnnforge.host import read_resource

        script = read_resource(resource, owner).decode()
        line = "read_photograph(Path(name).read_bytes(), settings)[None]"
        assert line in script
        own = "np.asarray(__import__('PIL.Image').Image.open(name).convert('RGB').resize((20, 24), 2))[None]"
        return script.replace(line, own).encode()

    monkeypatch.setattr("cnnforge_export.export.read_resource", careless)
    spec = FORMATS["keras"]
    with pytest.raises(ExportError) as caught:
        export(run, Entry(spec, "cnnforge:export"), spec.options(), tmp_path / "export", Said())
    assert "read_photograph of photographs.py" in (caught.value.hint or "")
    assert not (tmp_path / "export").exists()


@pytest.mark.parametrize("channels", [1, 3])
def test_the_kinds_are_all_read_and_differ_in_what_they_test(channels: int) -> None:
    formats = set()
    for kind, content in image_kinds().items():
        decoded = decode(content, DecodeSettings(30, 40, channels))
        formats.add(decoded.format)
        assert np.ptp(decoded.pixels) > 64, kind
        if "transparent" not in kind and "alpha" not in kind and "turned" not in kind:
            assert not decoded.is_transparent, kind
    assert {"JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF"} <= formats


def test_what_a_model_that_takes_files_does_not_take_is_named() -> None:
    kinds = image_kinds()
    assert golden.why_untaken(kinds["still.gif"], "files") == "GIF"
    assert golden.why_untaken(kinds["cmyk.jpg"], "files") == "CMYK"
    assert golden.why_untaken(kinds["several.jpg"], "files") is None
    assert golden.why_untaken(kinds["still.gif"], "pixels") is None
    assert Image.open(io.BytesIO(kinds["grey-16-bits-big-endian.tif"])).mode == "I;16B"
