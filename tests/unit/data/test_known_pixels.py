"""Pixels from an image store: found where a data source left them, and never those of another content."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnforge import LabelledImages, open_files
from cnnforge.data.decoding import DecodeSettings, decode
from cnnforge.data.known_pixels import KnownPixels
from cnnforge.data.scanning import scan
from cnnforge.data.store import IMAGES, list_stores
from cnnforge.images.opening import GivenImage, given_images

SETTINGS = DecodeSettings(16, 20)


@pytest.fixture
def folder(tmp_path) -> Path:
    generator = np.random.default_rng(0)
    for number in range(6):
        path = tmp_path / "photographs" / "abc"[number % 3] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (24, 24, 3), np.uint8)).save(path)
    return tmp_path / "photographs"


def store(path: Path) -> None:
    """Decode everything at a path into an image store, as a run does."""
    files = open_files(path)
    names = [file.name for file in files.files]
    images = LabelledImages(
        class_names=["a", "b"],
        names=names,
        labels=[0] * len(names),
        read=files.reader(names),
        signatures=[file.signature for file in files.files],
        location=files.location,
    )
    scan(images, SETTINGS, "disk", lambda done, total: None)


def found(*paths: Path, settings: DecodeSettings = SETTINGS) -> list[tuple[GivenImage, np.ndarray | None]]:
    known = KnownPixels(settings)
    given = given_images([str(path) for path in paths], None)  # type: ignore[arg-type]
    return [(image, known.find(image.place, image.signature)) for image in given]


def test_what_is_stored_is_what_decoding_gives(folder, monkeypatch):
    store(folder)
    monkeypatch.chdir(folder.parent)
    for path in (folder, folder / "a", folder / "a" / "0.png", Path("photographs"), folder / ".." / "photographs"):
        pairs = found(path)
        assert pairs
        for image, pixels in pairs:
            np.testing.assert_array_equal(pixels, decode(image.read(), SETTINGS).pixels)


def test_members_of_an_archive(folder, tmp_path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for path in sorted(folder.rglob("*.png")):
            archive.write(path, path.relative_to(folder))
    store(tmp_path / "all.zip")
    pairs = found(tmp_path / "all.zip")
    assert len(pairs) == 6
    for image, pixels in pairs:
        np.testing.assert_array_equal(pixels, decode(image.read(), SETTINGS).pixels)


def test_nothing_is_found_for_other_files_other_settings_or_an_empty_cache(folder, tmp_path):
    assert [pixels for _, pixels in found(folder)] == [None] * 6
    store(folder)
    assert [pixels for _, pixels in found(folder, settings=DecodeSettings(16, 21))] == [None] * 6
    other = tmp_path / "photographs-2"
    (folder / "a").rename(other)
    assert [pixels for _, pixels in found(other)] == [None] * 2


def test_a_file_that_has_changed_is_not_found(folder):
    store(folder)
    path = folder / "a" / "0.png"
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    (folder / "a" / "3.png").write_bytes(b"other")
    assert [pixels for _, pixels in found(folder / "a")] == [None, None]


def test_an_image_that_could_not_be_decoded_is_not_found(folder):
    (folder / "a" / "bad.png").write_bytes(b"no image")
    store(folder)
    assert [pixels is None for _, pixels in found(folder / "a")] == [False, False, True]


def test_a_damaged_image_is_decoded_anew_and_the_others_are_known(folder):
    store(folder)
    (info,) = list_stores()
    before = [image.name for image, _ in found(folder)]
    with (info.path / IMAGES).open("r+b") as file:
        file.write(bytes(100))
    assert [pixels is None for _, pixels in found(folder)] == [True, *[False] * 5], before


@pytest.mark.parametrize("file", ["scan.npz", "reasons.json", "identities.npy", "store.json"])
def test_a_store_with_a_damaged_column_is_passed_over(folder, file):
    store(folder)
    (info,) = list_stores()
    content = (info.path / file).read_bytes()
    (info.path / file).write_bytes(content.replace(b"}", b" }") if file.endswith(".json") else content[:-1] + b"x")
    assert [pixels for _, pixels in found(folder)] == [None] * 6


def test_a_damaged_store_is_passed_over(folder):
    store(folder)
    (info,) = list_stores()
    (info.path / IMAGES).write_bytes(b"short")
    assert [pixels for _, pixels in found(folder)] == [None] * 6
