"""Each check of the contract of data sources finds its fault, says what to do, and passes a sound source."""

from __future__ import annotations

import io
import itertools
import threading
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
from PIL import Image

import cnnforge
from cnnforge import Field
from cnnforge.errors import DataError
from cnnforge.testing import source_checks

SPLITS = ["train", "train", "train", "test"]


class WhereOptions(cnnforge.Options):
    path: Annotated[Path | None, Field(description="folder")] = None


def images(**changes: Any) -> cnnforge.LabelledImages:
    fields: dict[str, Any] = {"class_names": ["a", "b"], "names": list("wxyz"), "labels": [0, 1, 0, 1], "read": read}
    return cnnforge.LabelledImages(**{**fields, **changes})


def read(index: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((8, 8, 3), index * 50, np.uint8)).save(buffer, "png")
    return buffer.getvalue()


def spec(function: str) -> cnnforge.DataSourceSpec:
    return cnnforge.DataSourceSpec(name="s", summary="s", open=f"{__name__}:{function}", options=WhereOptions)


def open_sound(options: WhereOptions) -> cnnforge.LabelledImages:
    if options.path and not options.path.is_dir():
        raise DataError(f"expected a folder, received path={options.path}")
    return images()


COUNTER = itertools.count()


def open_unstable(options: WhereOptions) -> cnnforge.LabelledImages:
    return images(names=[f"{name}{next(COUNTER)}" for name in "wxyz"])


def open_in_order_of_a_set(options: WhereOptions) -> cnnforge.LabelledImages:
    return images(class_names=list({"cat", "dog"}))


def open_careless(options: WhereOptions) -> cnnforge.LabelledImages:
    assert options.path is not None
    return images(names=[path.name for path in options.path.iterdir()])


def open_anything(options: WhereOptions) -> cnnforge.LabelledImages:
    return images()


def open_nothing(options: WhereOptions) -> list[str]:
    return []


class CountingReader:
    """Returns another image the second time."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, index: int) -> bytes:
        self.count += 1
        return read(index + self.count % 2)


class SharedPlace:
    """Seeks and reads like one open file that all threads share; each waits until another has moved the place."""

    def __init__(self) -> None:
        self.place = 0
        self.others = threading.Barrier(2)

    def __call__(self, index: int) -> bytes:
        self.place = index
        if threading.current_thread() is not threading.main_thread():
            self.others.wait(timeout=20)
        return read(self.place)


class Forgetting:
    """Loses its offset when it is pickled."""

    def __init__(self) -> None:
        self.offset = 1

    def __call__(self, index: int) -> bytes:
        return read(index + self.offset)

    def __setstate__(self, state: dict[str, int]) -> None:
        self.offset = 0


@pytest.mark.parametrize(
    ("check", "changes", "problem", "remedy"),
    [
        ("images", {"labels": [0, 1, 2, 1]}, "expected labels from 0 to 1", "mend the lists"),
        ("images", {"names": list("wwyz")}, "expected unique image names", "mend the lists"),
        ("images", {"class_names": ["a", "b", "c"]}, "no image is of class c", "name those classes alone"),
        ("images", {"class_names": ["a"], "labels": [0] * 4}, "4 images of 1 classes", "two classes at least"),
        ("splits", {"splits": SPLITS}, "the split 'test' has no image of a", "splits=None"),
        ("reading", {"read": lambda index: np.zeros((8, 8, 3))}, "an array .* of float64", "uint8 array"),
        ("reading", {"read": lambda index: b"no image"}, "w, is no image", "left_out"),
        ("reading", {"read": CountingReader()}, "something else the second time", "depend on nothing but the index"),
        ("threads", {"read": SharedPlace()}, "returns another image's bytes", "share no open file"),
        ("pickling", {"read": Forgetting()}, "once it has been pickled", "depend on nothing but the index"),
    ],
)
def test_broken_images_are_found_and_the_remedy_said(check: str, changes: Any, problem: str, remedy: str) -> None:
    with pytest.raises(pytest.fail.Exception, match=rf"(?s){problem}.*\n→ .*{remedy}"):
        getattr(source_checks, f"check_{check}")(images(**changes))


@pytest.mark.parametrize("check", ["images", "splits", "reading", "threads", "pickling"])
def test_sound_images_pass(check: str) -> None:
    getattr(source_checks, f"check_{check}")(images(splits=["train", "train", "test", "test"]))


@pytest.mark.parametrize(
    ("function", "problem"),
    [("open_unstable", "says two things"), ("open_in_order_of_a_set", "in another process, the source says something")],
)
def test_a_source_that_changes_is_found(function: str, problem: str) -> None:
    with pytest.raises(pytest.fail.Exception, match=f"{problem}.*\n→ .*sort what comes from sets"):
        source_checks.check_stable(spec(function), WhereOptions())


def test_a_stable_source_passes() -> None:
    source_checks.check_stable(spec("open_sound"), WhereOptions())


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        ("open_careless", "FileNotFoundError.*\n→ raise cnnforge.errors.DataError"),
        ("open_anything", "is accepted\n→ raise cnnforge.errors.DataError"),
    ],
)
def test_a_source_that_does_not_refuse_is_found(function: str, problem: str, tmp_path: Path) -> None:
    (bad,) = source_checks.default_bad_options(spec(function), tmp_path)
    with pytest.raises(pytest.fail.Exception, match=problem):
        source_checks.check_refuses(spec(function), bad)


def test_bad_options_may_be_refused_by_the_source_or_by_the_options(tmp_path: Path) -> None:
    source_checks.check_refuses(spec("open_sound"), {"path": str(tmp_path / "nowhere")})
    source_checks.check_refuses(spec("open_sound"), {"path": 3})


@pytest.mark.parametrize(
    ("function", "problem"), [("open_nothing", "open returns list"), ("open_careless", "cannot be opened with")]
)
def test_a_source_that_opens_nothing_is_found(function: str, problem: str) -> None:
    with pytest.raises(pytest.fail.Exception, match=problem):
        source_checks.opened(spec(function), WhereOptions())


def test_a_source_is_opened_without_options_if_that_works_and_with_a_path_if_not(tmp_path: Path) -> None:
    assert source_checks.default_options(spec("open_sound"), tmp_path) == {}
    careless = cnnforge.DataSourceSpec(
        name="directory", summary="s", open="cnnforge_directory.source:open_source", options=WhereOptions
    )
    assert source_checks.default_options(careless, tmp_path) == {"path": str(tmp_path)}
