"""Checks of a data source: what it opens, whether that is the same every time, and what it refuses."""

from __future__ import annotations

import json
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from cnnforge.data import DecodeSettings, decode
from cnnforge.errors import CnnforgeError
from cnnforge.host import DataSourceSpec, Options, import_deferred
from cnnforge.images import LabelledImages
from cnnforge.recipe import validate
from cnnforge.system import call_elsewhere
from cnnforge.testing.failure import fail

MAX_READ = 48
_NUM_THREADS = 8
_STABLE = "open the source twice and nothing may differ: sort what comes from sets, dictionaries of files and folders"


def default_options(spec: DataSourceSpec, folder: Path) -> dict[str, Any]:
    """Return no options if the source opens without any, else the folder as its ``path``."""
    if "path" not in spec.options.model_fields:
        return {}
    try:
        _open(spec, spec.options())
    except CnnforgeError:
        return {"path": str(folder)}
    return {}


def default_bad_options(spec: DataSourceSpec, folder: Path) -> tuple[dict[str, Any], ...]:
    """Return a path that does not exist, if the source has an option ``path``."""
    return ({"path": str(folder / "nowhere")},) if "path" in spec.options.model_fields else ()


def opened(spec: DataSourceSpec, options: Options) -> LabelledImages:
    """Return what the source opens; the test fails if it opens nothing."""
    try:
        images = _open(spec, options)
    except Exception as error:
        fail(
            f"the source cannot be opened with {options!r}: {error}",
            "override options(self, tiny_images) to return options that it opens with",
            error,
        )
    if not isinstance(images, LabelledImages):
        fail(f"open returns {type(images).__name__}", "return cnnforge.LabelledImages")
    return images


def check_images(images: LabelledImages) -> None:
    """Check names, labels and classes."""
    problems = images.problems()
    if problems:
        fail("; ".join(problems), "mend the lists that open puts into cnnforge.LabelledImages")
    if len(images.class_names) < 2 or not len(images):
        fail(
            f"the source opens {len(images)} images of {len(images.class_names)} classes",
            "give it options with which it has images of two classes at least",
        )
    empty = set(range(len(images.class_names))) - set(images.labels)
    if empty:
        names = ", ".join(images.class_names[label] for label in sorted(empty))
        fail(f"no image is of class {names}", "name those classes alone that there are images of")


def check_stable(spec: DataSourceSpec, options: Options) -> None:
    """Check that names, labels, classes and signatures are the same when the source is opened again, elsewhere too."""
    here = description(opened(spec, options))
    if here != description(opened(spec, options)):
        fail("opened twice, the source says two things", _STABLE)
    owner, values = type(options), options.model_dump_json(exclude_none=True)
    arguments = (spec.open, f"{owner.__module__}:{owner.__qualname__}", values)
    for seed in ("1", "2"):  # of the order of sets
        done = call_elsewhere(f"{__name__}:print_description", *arguments, PYTHONHASHSEED=seed)
        if done.returncode:
            fail(f"the source cannot be opened in another process:\n{done.stderr[-2000:]}", "mend what it rests on")
        if done.stdout != here:
            fail("opened in another process, the source says something else", _STABLE)


def print_description(open_name: str, options: str, values: str) -> None:
    """Open a source and print what must not change."""
    owner: Any = import_deferred(options, "options")
    sys.stdout.write(description(import_deferred(open_name, "open")(owner.model_validate_json(values))))


def description(images: LabelledImages) -> str:
    """Return everything that must not change, as text."""
    lists = (images.class_names, images.names, images.labels, images.splits, images.signatures)
    return json.dumps([None if values is None else [str(value) for value in values] for values in lists])


def check_reading(images: LabelledImages) -> None:
    """Check that images can be decoded, and are the same when they are read again."""
    for index in _sample(images):
        content = images.read(index)
        if not isinstance(content, bytes) and not _is_pixels(content):
            fail(
                f"read({index}) returns {_describe(content)}",
                "return the bytes of an image file, or a uint8 array (height, width, 3)",
            )
        try:
            decode(content, DecodeSettings(32, 32))
        except Exception as error:
            fail(
                f"read({index}), {images.names[index]}, is no image: {error}",
                "leave it out of the names, or put it into left_out",
                error,
            )
        if _bytes(images.read(index)) != _bytes(content):
            fail(f"read({index}) returns something else the second time", "let read depend on nothing but the index")


def check_threads(images: LabelledImages) -> None:
    """Check that images read by several threads at once are those that one thread reads."""
    rows = _sample(images)
    alone = {index: _bytes(images.read(index)) for index in rows}
    order = np.random.default_rng(0).permutation(rows * _NUM_THREADS).tolist()
    with ThreadPoolExecutor(_NUM_THREADS) as threads:
        try:
            together = list(threads.map(lambda index: _bytes(images.read(index)), order))
        except Exception as error:
            fail(f"read from several threads at once fails: {error}", "open the file anew in every read", error)
    if any(alone[index] != content for index, content in zip(order, together, strict=True)):
        fail(
            "read from several threads at once returns another image's bytes",
            "share no open file or buffer between reads: open the file anew in every read, or hold a lock",
        )


def check_pickling(images: LabelledImages) -> None:
    """Check that a ``read`` that can be sent to another process reads the same there."""
    try:
        sent = pickle.loads(pickle.dumps(images.read))  # noqa: S301  what was just pickled here
    except Exception:  # such a source is read from threads
        return
    if any(_bytes(sent(index)) != _bytes(images.read(index)) for index in _sample(images)[:4]):
        fail("read returns something else once it has been pickled", "let read depend on nothing but the index")


def check_splits(images: LabelledImages) -> None:
    """Check that every split that the source fixes has images of every class."""
    if images.splits is None:
        return
    for split in sorted(set(images.splits)):
        labels = {label for label, own in zip(images.labels, images.splits, strict=True) if own == split}
        lacking = [name for label, name in enumerate(images.class_names) if label not in labels]
        if lacking:
            fail(
                f"the split {split!r} has no image of {', '.join(lacking)}",
                "put images of every class into every split, or leave splits to CNNForge: splits=None",
            )


def check_refuses(spec: DataSourceSpec, values: dict[str, Any]) -> None:
    """Check that options that cannot work are refused with an error that people understand."""
    try:
        _open(spec, validate(spec.options, values, "data"))
    except CnnforgeError:
        return
    except Exception as error:
        fail(
            f"{values} ends in {type(error).__name__}: {error}",
            "raise cnnforge.errors.DataError that says what was expected and received, or refuse it in a validator",
            error,
        )
    fail(f"{values} is accepted", "raise cnnforge.errors.DataError, or set bad_options to what the source must refuse")


def _open(spec: DataSourceSpec, options: Options) -> Any:
    return import_deferred(spec.open, f"data source {spec.name!r}")(options)


def _sample(images: LabelledImages) -> list[int]:
    step = max(1, len(images) // MAX_READ)
    return list(range(0, len(images), step))[:MAX_READ]


def _is_pixels(content: object) -> bool:
    return isinstance(content, np.ndarray) and content.dtype == np.uint8 and content.ndim == 3


def _describe(content: object) -> str:
    return f"an array {content.shape} of {content.dtype}" if isinstance(content, np.ndarray) else type(content).__name__


def _bytes(content: bytes | np.ndarray) -> bytes:
    return content if isinstance(content, bytes) else content.tobytes()
