"""What is fuzzed: bytes in, and either an answer or the one kind of error that says what is wrong with them.

Everything else that is raised, more memory than is allowed, and an answer that breaks a promise, is a finding.
"""

from __future__ import annotations

import io
import json
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cnnforge_keras_files.archive import unpack
from cnnforge_keras_files.configuration import read
from PIL import Image

import cnnforge
from cnnforge.data.decoding import DecodeSettings, decode
from cnnforge.data.effort import UnreadableImageError
from cnnforge.data.photographs import EXTRA_FORMATS, FORMATS
from cnnforge.errors import DataError, RecipeError
from cnnforge.host.plugin_host import PluginHost
from cnnforge.host.registry import Registry
from cnnforge.images.archive import MAX_RATIO
from cnnforge.recipe import schema as recipe
from cnnforge.recipe.loading import load_recipe, recipe_from_values
from cnnforge.recipe.resolving import resolve
from cnnforge.recipe.schema import DataSection, TrainingSection
from cnnforge_tuning.settings import TuningOptions

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = [DecodeSettings(8, 8, max_pixels=250_000), DecodeSettings(6, 9, 1, "nearest", max_pixels=250_000)]
_SMALL = 2**20


@dataclass(frozen=True)
class Target:
    """A function that takes bytes, files to start from, and words that files of the kind are made of."""

    run: Callable[[bytes], object]
    seeds: Callable[[], Iterator[bytes]]
    words: tuple[str, ...] = ()


def images(content: bytes) -> None:
    for settings in SETTINGS:
        try:
            found = decode(content, settings)
        except UnreadableImageError as error:
            assert str(error)
            continue
        assert found.pixels.shape == settings.shape
        assert found.format in (*FORMATS, *EXTRA_FORMATS)
        assert 0 < found.width * found.height <= settings.max_pixels


def image_seeds() -> Iterator[bytes]:
    for size in ((1, 1), (17, 9)):
        for mode in ("RGB", "L", "P", "1", "RGBA", "CMYK", "I;16"):
            for name in FORMATS:
                buffer = io.BytesIO()
                try:
                    image = Image.new(mode, size)
                    image.save(buffer, name, exif=Image.Exif(), save_all=name in ("GIF", "WEBP"))
                except (OSError, ValueError, KeyError):  # a format that has no such pixels
                    continue
                yield buffer.getvalue()


def archives(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "archive.zip"
        path.write_bytes(content)
        try:
            found = cnnforge.open_files(path)
        except DataError as error:
            assert str(error)
        else:
            _read_all(found, len(content))
        try:
            read(unpack(path, Path(folder)))
        except ValueError as error:
            assert str(error)
        assert {item.name for item in Path(folder).iterdir()} <= {"archive.zip", "model.weights.h5"}


def _read_all(found: cnnforge.ImageFiles, size: int) -> None:
    total = 0
    for name in [*(file.name for file in found.files), *(left.name for left in found.left_out)]:
        assert not name.startswith("/")
        assert ".." not in name.split("/")
    for file in found.files:
        try:
            total += len(found.read(file.name))
        except (ValueError, OSError) as error:
            assert str(error)
    assert total <= MAX_RATIO * size + _SMALL * len(found.files)


def archive_seeds() -> Iterator[bytes]:
    contents = {"cat/1.jpg": b"x" * 100, "dog/2.png": b"y" * 10, "cat/": b"", "notes.txt": b"z"}
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        inner = _zip(contents, compression)
        yield inner
        yield _zip({"more.zip": inner, **contents}, compression)
        yield _zip({"config.json": next(configuration_seeds()), "model.weights.h5": b"\x89HDF"}, compression)
    yield _zip({}, zipfile.ZIP_STORED)


def _zip(contents: dict[str, bytes], compression: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return buffer.getvalue()


def configurations(content: bytes) -> None:
    try:
        text = read(content)
    except ValueError as error:
        assert str(error)
        return
    assert '"compile_config":' not in text
    assert json.loads(read(text.encode())) == json.loads(text)


def configuration_seeds() -> Iterator[bytes]:
    layer = {"module": "keras.layers", "class_name": "Dense", "config": {"name": "d", "units": 3}}
    network = {"module": "keras", "class_name": "Sequential", "config": {"layers": [layer]}, "compile_config": {}}
    yield json.dumps({**network, "registered_name": None}).encode()
    yield json.dumps({**layer, "registered_name": "acme>Dense"}).encode()
    tensor = {"class_name": "__keras_tensor__", "config": {"shape": [None, 3], "keras_history": ["d", 0, 0]}}
    yield json.dumps({**network, "config": {"args": [tensor]}}).encode()


_REGISTRY = Registry(PluginHost.discover({"CNNFORGE_LOAD_PLUGINS": ""}))


def recipes(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mine.toml"
        path.write_bytes(content)
        try:
            found = resolve(load_recipe(str(path), _REGISTRY), _REGISTRY).recipe
        except RecipeError as error:
            assert str(error)
            return
    written = found.to_toml()
    assert recipe_from_values(tomllib.loads(written), "default", "there").to_toml() == written


def recipe_seeds() -> Iterator[bytes]:
    paths = [*ROOT.glob("plugins/*/**/*.toml"), *ROOT.glob("examples/**/*.toml")]
    yield from (path.read_bytes() for path in paths if path.name != "pyproject.toml")
    yield b'[data]\nsource = "directory"\n[architecture]\nname = "catsdogs_cnn"\n'


_SECTIONS = (DataSection, TrainingSection, recipe.EvaluationSection, TuningOptions)
_SETTINGS = tuple(f"{name}=" for section in _SECTIONS for name in section.model_fields)
_SIGNATURES = tuple(f"PK\\x{kind}" for kind in ("01\\x02", "03\\x04", "05\\x06", "06\\x06", "06\\x07"))

TARGETS = {
    "images": Target(images, image_seeds),
    "archives": Target(archives, archive_seeds, (*_SIGNATURES, "../")),
    "configurations": Target(configurations, configuration_seeds, ("class_name", "module", "registered_name")),
    "recipes": Target(recipes, recipe_seeds, _SETTINGS),
}
