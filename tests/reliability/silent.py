"""Figure 4: inputs whose danger is success. What is done is right, or refused, or wrong without a word."""

from __future__ import annotations

import json
import shutil
import tempfile
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cnnforge.errors import CnnforgeError
from tests.reliability import silent_searches, silent_training
from tests.reliability.figure import Figure
from tests.unit.data.image_cases import (
    HEIGHT,
    IN_GREY,
    PICTURE,
    UPRIGHT,
    WHITE,
    WIDTH,
    encode,
    half_transparent,
    over,
    png_of_rows,
    stored_for,
    with_orientation,
)

Does = Callable[[Path], bool]
RIGHT, REFUSED, WRONG = "right", "refused", "wrong"
_TOLERANCE = 3.0  # mean difference of a pixel: decoders differ by one or two


@dataclass(frozen=True)
class Case:
    """One input, and two functions that say whether what became of it is right; refusing is an exception."""

    name: str
    ours: Does
    theirs: Does
    theirs_name: str = "Keras"

    def __str__(self) -> str:
        return self.name


def verdict(does: Does) -> str:
    """Return what became of a case, in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="cnnforge-silent-") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return RIGHT if does(Path(folder)) else WRONG
        except (CnnforgeError, ValueError, OSError, KeyError, RuntimeError) as error:
            return f"{REFUSED}: {type(error).__name__}: {' '.join(str(error).split())[:100]}"


def measure(seed: int) -> Figure:
    found = {case.name: (verdict(case.ours), verdict(case.theirs)) for case in CASES}
    for name, (ours, theirs) in found.items():
        print(f"   {name}: {ours} | {theirs}", flush=True)
    wrong = [sum(pair[side] == WRONG for pair in found.values()) for side in (0, 1)]
    return Figure(
        ours=str(wrong[0]),
        theirs=str(wrong[1]),
        count=f"{len(CASES)} cases",
        is_met=wrong[0] == 0,
        note="wrong in plain Keras: "
        + ", ".join(name for name, (_, theirs) in found.items() if theirs == WRONG).replace("|", "/"),
        details={name: list(pair) for name, pair in found.items()},
    )


def is_near(pixels: np.ndarray, expected: np.ndarray) -> bool:
    return pixels.shape == expected.shape and float(np.abs(pixels.astype(float) - expected).mean()) <= _TOLERANCE


def image_case(name: str, content: bytes, extension: str, expected: np.ndarray) -> Case:
    """An image whose right pixels are known."""

    def ours(folder: Path) -> bool:
        from cnnforge.data.decoding import DecodeSettings, decode

        return is_near(decode(content, DecodeSettings(*expected.shape[:2])).pixels, expected)

    def theirs(folder: Path) -> bool:
        for label in ("cat", "dog"):
            (folder / label).mkdir()
            (folder / label / f"1.{extension}").write_bytes(content)
        images, _ = next(iter(keras_dataset(folder, image_size=expected.shape[:2])))
        return is_near(np.asarray(images)[0], expected)

    return Case(name, ours, theirs)


def keras_dataset(folder: Path, **options: Any) -> Any:
    import keras

    return keras.utils.image_dataset_from_directory(
        folder, **{"image_size": (HEIGHT, WIDTH), "verbose": False} | options
    )


def manifest(folder: Path, *overrides: str) -> Any:
    """Return what CNNForge makes of a folder of class folders."""
    from cnnforge.data.preparing import open_source, prepare
    from cnnforge.host.plugin_host import PluginHost
    from cnnforge.host.registry import Registry
    from cnnforge.recipe.loading import load_recipe
    from cnnforge.recipe.resolving import resolve

    registry = Registry(PluginHost.discover({"CNNFORGE_LOAD_PLUGINS": ""}))
    settings = [f"data.path={json.dumps(str(folder))}", "data.image_size=[24,24]", "data.store='off'", *overrides]
    resolved = resolve(load_recipe("directory-cnn", registry, settings), registry)
    return prepare(resolved, open_source(resolved), lambda done, total: None).manifest


def draw(folder: Path, *names: str, count: int = 12) -> Path:
    """Write pictures, each unlike any other."""
    for name in names:
        (folder / name).mkdir(parents=True)
        for number in range(count):
            generator = np.random.default_rng(zlib.crc32(f"{name}-{number}".encode()))
            pixels = generator.integers(0, 256, (6, 8, 3), np.uint8).repeat(8, axis=0).repeat(8, axis=1)
            (folder / name / f"{name}-{number}.png").write_bytes(encode(pixels, "PNG"))
    return folder


def classes_by_name(names: list[str], labels: list[str]) -> bool:
    """Whether each picture has the label that its name begins with."""
    return all(Path(name).name.startswith(f"{label}-") for name, label in zip(names, labels, strict=True))


def our_labels_are_right(folder: Path, *overrides: str) -> bool:
    found = manifest(folder, *overrides)
    rows = np.flatnonzero(found.splits >= 0)
    return classes_by_name([found.names[row] for row in rows], [found.class_names[found.labels[row]] for row in rows])


def their_labels_are_right(folder: Path, **options: Any) -> bool:
    dataset = keras_dataset(folder, shuffle=False, **options)
    labels = [dataset.class_names[label] for _, batch in dataset for label in np.asarray(batch).tolist()]
    return dataset.class_names == ["cat", "dog"] and classes_by_name(dataset.file_paths, labels)


def with_litter(folder: Path) -> Path:
    draw(folder, "cat", "dog")
    (folder / "__MACOSX" / "cat").mkdir(parents=True)
    (folder / "__MACOSX" / "cat" / ".DS_Store").write_bytes(b"\0")
    return folder


def with_link(folder: Path) -> Path:
    draw(folder, "cat", "dog")
    (folder / "cat" / "all").symlink_to("..", target_is_directory=True)
    return folder


def with_other_classes(folder: Path) -> Path:
    draw(folder / "train", "ant", "cat", "dog")
    draw(folder / "test", "cat", "dog")
    return folder


def their_splits_agree(folder: Path) -> bool:
    with_other_classes(folder)
    return bool(keras_dataset(folder / "train").class_names == keras_dataset(folder / "test").class_names)


def in_two_classes(folder: Path) -> Path:
    draw(folder, "cat", "dog")
    shutil.copy(folder / "cat" / "cat-3.png", folder / "dog" / "cat-3.png")
    return folder


def copied(folder: Path) -> Path:
    """Every picture twice, under two names."""
    draw(folder, "cat", "dog", count=20)
    for path in list(folder.rglob("*.png")):
        shutil.copy(path, path.with_name(f"{path.stem}-copy.png"))
    return folder


def our_splits_share_nothing(folder: Path) -> bool:
    found = manifest(copied(folder))
    contents = [{found.scanned.sha256[row].tobytes() for row in found.rows(split)} for split in ("train", "validation")]
    return bool(contents[0]) and bool(contents[1]) and not contents[0] & contents[1]


def their_splits_share_nothing(folder: Path) -> bool:
    pair = keras_dataset(copied(folder), validation_split=0.2, subset="both", seed=0)
    contents = [{Path(path).read_bytes() for path in dataset.file_paths} for dataset in pair]
    return not contents[0] & contents[1]


def our_validation_has_all_classes(folder: Path) -> bool:
    found = manifest(draw(folder, "cat", "dog"))
    return len(set(found.labels[found.rows("validation")].tolist())) == 2


def their_validation_has_all_classes(folder: Path) -> bool:
    draw(folder, "cat", "dog")
    dataset = keras_dataset(folder, shuffle=False, validation_split=0.2, subset="validation")
    return len({label for _, batch in dataset for label in np.asarray(batch).tolist()}) == 2


def half_webp(folder: Path) -> Path:
    draw(folder, "cat", "dog")
    for path in sorted((folder / "cat").iterdir())[:6]:
        from PIL import Image

        path.with_suffix(".webp").write_bytes(encode(Image.open(path), "WEBP", lossless=True))
        path.unlink()
    return folder


def our_images_all_count(folder: Path) -> bool:
    found = manifest(half_webp(folder))
    return int((found.splits >= 0).sum()) + len(found.faults()) == 24


def their_images_all_count(folder: Path) -> bool:
    return len(keras_dataset(half_webp(folder)).file_paths) == 24


def sixteen_bits() -> Case:
    """``load_img``, with which Keras's own guides predict."""
    content = png_of_rows(np.asarray(PICTURE.convert("L")).astype(np.uint16) * 257, 16, 0)

    def theirs(folder: Path) -> bool:
        import keras

        (folder / "1.png").write_bytes(content)
        return is_near(keras.utils.img_to_array(keras.utils.load_img(folder / "1.png")), IN_GREY)

    case = image_case("IMG15 grey PNG of 16 bits", content, "png", IN_GREY)
    return Case(case.name, case.ours, theirs)


_PALETTE = PICTURE.quantize(256)
CASES = (
    image_case("IMG16 palette BMP", encode(_PALETTE, "BMP"), "bmp", np.asarray(_PALETTE.convert("RGB"))),
    image_case("IMG17 photograph on its side", with_orientation(stored_for(6), 6), "jpg", UPRIGHT),
    image_case("IMG14 colour behind transparent pixels", encode(half_transparent("RGBA"), "PNG"), "png", over(WHITE)),
    sixteen_bits(),
    Case("IMG11 WebP files", our_images_all_count, their_images_all_count),
    Case(
        "IMG27 `__MACOSX` as a class",
        lambda f: our_labels_are_right(with_litter(f)),
        lambda f: their_labels_are_right(with_litter(f)),
    ),
    Case(
        "IMG30 link to the folder above",
        lambda f: our_labels_are_right(with_link(f), "data.follow_links=true"),
        lambda f: their_labels_are_right(with_link(f), follow_links=True),
    ),
    Case(
        "DIR04 classes that differ between splits",
        lambda f: our_labels_are_right(with_other_classes(f)),
        their_splits_agree,
    ),
    Case("DIR05 copies in training and validation", our_splits_share_nothing, their_splits_share_nothing),
    Case(
        "DIR07 photograph in two classes",
        lambda f: our_labels_are_right(in_two_classes(f)),
        lambda f: their_labels_are_right(in_two_classes(f)),
    ),
    Case("DIR10 validation of one class", our_validation_has_all_classes, their_validation_has_all_classes),
    *(Case(*row) for row in silent_training.CASES),
    *(Case(*row) for row in silent_searches.CASES),
)
