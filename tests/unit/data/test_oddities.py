"""What is odd about images that decode without a fault: each is said, with names, counts and the way on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnforge.data.manifest import Manifest
from cnnforge.data.preparing import build_manifest, open_source, prepare
from cnnforge.data.scanning import scan
from cnnforge.host import PluginHost, Registry
from cnnforge.images.labelled_images import LabelledImages
from cnnforge.recipe import load_recipe, resolve
from cnnforge.recipe.schema import DataSection
from cnnforge_data.oddities import odd_pixels
from tests.unit.data.image_cases import encode
from tests.unit.data.sources import SETTINGS

NUM = 12

Make = Callable[[int], bytes]


def pixels(number: int, height: int = 24, width: int = 32) -> np.ndarray:
    """A picture that uses all of its range, another for each number."""
    return np.random.default_rng(number).integers(0, 256, (height, width, 3)).astype(np.uint8)


def plain(number: int) -> bytes:
    return encode(pixels(number), "PNG")


def any_size(number: int) -> bytes:
    return encode(pixels(number, 20 + number % 7, 40 + number), "PNG")


def grey(number: int) -> bytes:
    return encode(Image.fromarray(pixels(number)).convert("L"), "PNG")


def sixteen_bits(factor: float) -> Make:
    def make(number: int) -> bytes:
        return encode(Image.fromarray((pixels(number)[:, :, 0].astype(np.float64) * factor).astype(np.uint16)), "PNG")

    return make


def clear(number: int) -> bytes:
    image = Image.fromarray(pixels(number)).convert("RGBA")
    image.putpixel((0, 0), (0, 0, 0, 0))
    return encode(image, "PNG")


def manifest_of(*classes: Make) -> Manifest:
    contents = [make(1000 * label + number) for label, make in enumerate(classes) for number in range(NUM)]
    names = [f"{'abcdefgh'[label]}/{number}" for label in range(len(classes)) for number in range(NUM)]
    labels = [label for label in range(len(classes)) for _ in range(NUM)]
    class_names = list("abcdefgh"[: len(classes)])
    images = LabelledImages(class_names=class_names, names=names, labels=labels, read=contents.__getitem__)
    found = scan(images, SETTINGS, "off", lambda _, __: None)
    return build_manifest(images, found, DataSection(source="x", validation_fraction=0.25, test_fraction=0.25))


def warnings_of(*classes: Make) -> list[str]:
    return list(odd_pixels(manifest_of(*classes)))


@pytest.mark.parametrize(
    "classes",
    [
        (plain, plain),
        (any_size, any_size),
        (grey, grey, grey),
        (sixteen_bits(257), sixteen_bits(257)),
        (lambda n: plain(n) if n % 2 else grey(n), lambda n: plain(n) if n % 3 else grey(n)),
        (lambda n: encode(pixels(n)), lambda n: encode(pixels(n))),
    ],
    ids=["plain", "any size", "grey", "16 bits", "grey in part", "JPEG"],
)
def test_nothing_is_said_of_images_that_are_alike(classes: tuple[Make, ...]) -> None:
    assert warnings_of(*classes) == []


def test_images_of_one_colour_are_named_and_counted() -> None:
    def sometimes_black(number: int) -> bytes:
        return plain(number) if number % 6 else encode(Image.new("RGB", (32, 24), (number % 200, 0, 0)), "PNG")

    (warning,) = warnings_of(sometimes_black, plain)
    assert warning.startswith("2 of 24 images are of one colour (a/0, a/6): look at them, and remove")


@pytest.mark.parametrize(("bits", "is_flat"), [(8, True), (10, False), (12, False), (14, False)])
def test_fewer_bits_in_a_file_of_16_are_said(bits: int, is_flat: bool) -> None:
    make = sixteen_bits(2 ** (bits - 8))
    warnings = warnings_of(make, make)
    assert ["of one colour" in warning for warning in warnings] == [True, False][not is_flat :]
    assert warnings[-1].startswith(
        "24 images of 16 bits use less than a quarter of their range of values (a/0, a/1, a/2"
    )
    assert "0 to 65535" in warnings[-1]


def test_one_dark_class_of_16_bits_is_said() -> None:
    (warning,) = warnings_of(sixteen_bits(16), sixteen_bits(257))
    assert warning.startswith("12 images of 16 bits use less than a quarter of their range of values (a/0")


@pytest.mark.parametrize("scale", [lambda v: v // 100, lambda v: 100 + v // 8, lambda v: v // 128])
def test_a_set_that_uses_a_fraction_of_8_bits_is_said(scale: Callable[[np.ndarray], np.ndarray]) -> None:
    def make(number: int) -> bytes:
        return encode(scale(pixels(number)).astype(np.uint8), "PNG")

    warnings = [warning for warning in warnings_of(make, make) if "range of values" in warning]
    assert len(warnings) == 1
    assert "images use less than a quarter" in warnings[0]


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        (grey, "the colour alone tells classes apart: 'a': grey (12 of 12, others 0 of 24)"),
        (clear, "the transparency alone tells classes apart: 'a': transparent in part (12 of 12, others 0 of 24)"),
        (lambda n: encode(pixels(n)), "the file format alone tells classes apart: 'a': JPEG (12 of 12"),
        (lambda n: encode(pixels(n), "BMP"), "the file format alone tells classes apart: 'a': BMP (12 of 12"),
        (lambda n: encode(pixels(n, 32, 24), "PNG"), "the size alone tells classes apart: 'a': 24×32 pixels (12 of 12"),
    ],
    ids=["grey", "alpha", "JPEG", "BMP", "size"],
)
def test_what_gives_a_class_away_is_said(odd: Make, said: str) -> None:
    warnings = [warning for warning in warnings_of(odd, plain, plain) if said in warning]
    assert len(warnings) == 1
    assert "a network may learn that and nothing else: " in warnings[0]


def test_both_sides_are_named_where_each_class_has_its_own() -> None:
    (warning,) = warnings_of(plain, lambda n: encode(pixels(n, 48, 64), "PNG"))
    assert "'a': 32×24 pixels (12 of 12, others 0 of 12); 'b': 64×48 pixels (12 of 12, others 0 of 12)" in warning


def test_a_class_of_one_size_among_classes_of_many_is_said() -> None:
    (warning,) = warnings_of(plain, any_size, any_size)
    assert "the size alone tells classes apart: 'a': 32×24 pixels (12 of 12, others 0 of 24); a network" in warning


def test_upright_photographs_of_many_sizes_are_said_once() -> None:
    def upright(number: int) -> bytes:
        return encode(pixels(number, 40 + number % 900, 20 + number % 7), "PNG")

    (warning,) = warnings_of(upright, any_size)
    assert "the orientation alone tells classes apart" in warning
    assert "'a': upright (12 of 12" in warning
    assert "'b': wide (12 of 12" in warning


def test_a_trait_that_half_of_the_others_have_too_is_nothing() -> None:
    assert warnings_of(grey, lambda n: grey(n) if n % 2 else plain(n)) == []


def test_run_report_and_check_have_them_in_the_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for label, make in enumerate((grey, plain)):
        (tmp_path / "images" / "ab"[label]).mkdir(parents=True)
        for number in range(NUM):
            (tmp_path / "images" / "ab"[label] / f"{number}.png").write_bytes(make(1000 * label + number))
    monkeypatch.setenv("CNNFORGE_CACHE_DIR", str(tmp_path / "cache"))
    registry = Registry(PluginHost.discover({"CNNFORGE_LOAD_PLUGINS": ""}))
    settings = [f"data.path={json.dumps(str(tmp_path / 'images'))}", "data.image_size=[12, 16]"]
    resolved = resolve(load_recipe("directory-cnn", registry, settings), registry)
    for _ in range(2):  # scanned, then from the image store
        manifest = prepare(resolved, open_source(resolved), lambda _, __: None, registry.host).manifest
        assert any("color_mode=grayscale" in warning for warning in manifest.summary()["warnings"])


def test_what_the_scan_learnt_of_pixels_is_kept(tmp_path: Path) -> None:
    scanned = manifest_of(clear, sixteen_bits(257)).scanned
    scanned.save(tmp_path)
    loaded = type(scanned).load(tmp_path, len(scanned.lows))
    for column in ("lows", "highs", "is_one_colour", "is_grey", "is_transparent", "is_deep"):
        assert np.array_equal(getattr(loaded, column), getattr(scanned, column))
    assert loaded.is_transparent.tolist() == [True] * NUM + [False] * NUM
    assert loaded.is_deep.tolist() == loaded.is_grey.tolist() == [False] * NUM + [True] * NUM
