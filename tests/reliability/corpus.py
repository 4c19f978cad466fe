"""Hostile files, and good ones of the same kinds that must not be refused.

A payload is code that writes the file ``canary``, or content of the file ``secret`` that gets into what was loaded.
"""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SECRET = b"a secret of this machine, 12345 "
MANY = 20_000  # levels of brackets, members, digits


@dataclass(frozen=True)
class Place:
    """Where things are: the folder of one file, what a payload would write, and what nobody may read."""

    folder: Path
    canary: Path
    secret: Path


@dataclass(frozen=True)
class Entry:
    """A file of the corpus: ``make`` writes it and returns its path."""

    name: str
    kind: str
    make: Callable[[Place], Path]
    is_good: bool = False

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}"


class Payload:
    """Pickled, it is code that writes the canary."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self.canary}",)


def written(name: str, content: bytes) -> Callable[[Place], Path]:
    def make(place: Place) -> Path:
        path = place.folder / name
        path.write_bytes(content)
        return path

    return make


def npz(*, version: bytes = b"\x01\x00", descr: str = "'|O'", pickled: bool = True) -> Callable[[Place], Path]:
    """An archive of arrays, one of which is a pickle."""

    def make(place: Place) -> Path:
        header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': (1,), }}".ljust(117).encode() + b"\n"
        content = pickle.dumps(Payload(place.canary)) if pickled else bytes(8)
        start = b"\x93NUMPY" + version + len(header).to_bytes(2 if version[0] == 1 else 4, "little")
        with zipfile.ZipFile(place.folder / "best.npz", "w") as archive:
            archive.writestr("0.npy", start + header + content)
        return place.folder / "best.npz"

    return make


def pickle_file(name: str) -> Callable[[Place], Path]:
    def make(place: Place) -> Path:
        (place.folder / name).write_bytes(pickle.dumps(Payload(place.canary)))
        return place.folder / name

    return make


def hostile_arrays() -> list[Entry]:
    from tests.unit.network.test_arrays import HOSTILE

    return [Entry(name, "weights", made("best.npz", make)) for name, make in HOSTILE.items()]


def made(name: str, content: Callable[[], bytes]) -> Callable[[Place], Path]:
    return lambda place: written(name, content())(place)


def hostile_archives() -> list[Entry]:
    from tests.unit.images import test_image_files as cases

    def member(name: str, mode: int | None) -> Callable[[Place], Path]:
        change = cases.attributes(mode) if mode else lambda info: None
        return lambda place: cases.archive_with(place.folder / "a.zip", name, change)

    def encrypted(place: Place) -> Path:
        content = bytearray(cases.zipped({"1.jpg": b"a"}))
        content[content.index(b"PK\x01\x02") + 8] |= 1
        return written("a.zip", bytes(content))(place)

    def overlapping(place: Place) -> Path:
        content = bytearray(cases.zipped({"1.jpg": bytes(1000), "2.jpg": bytes(1000)}))
        second = content.rindex(b"PK\x01\x02")
        content[second + 42 : second + 46] = (10).to_bytes(4, "little")
        return written("a.zip", bytes(content))(place)

    found = [Entry(name, "archive", member(*case[:2])) for name, case in cases.REFUSED_MEMBERS.items()]
    found += [Entry(name, "archive", written("a.zip", content)) for name, (content, _) in cases.NO_ZIPS.items()]
    return [*found, Entry("ARC14 encrypted", "archive", encrypted), Entry("ARC12 overlapping", "archive", overlapping)]


def toml(name: str, text: str, *, is_good: bool = False) -> Entry:
    return Entry(name, "recipe", written("mine.toml", text.encode()), is_good)


_DATA = '[data]\nsource = "directory"\npath = "{path}"\n'
_NETWORK = '[architecture]\nname = "catsdogs_cnn"\n'
_RECIPE = _DATA.format(path="/nowhere") + _NETWORK
HOSTILE_RECIPES = [
    toml("brackets without end", "a = " + "[" * MANY),
    toml("tables without end", ".".join(["a"] * (MANY // 4)) + " = 1\n"),
    toml("a number of a million digits", f"{_RECIPE}[training]\nepochs = 1{'0' * 10**6}\n"),
    toml("a name that leads out", f'name = "../../../tmp/x"\n{_RECIPE}'),
    toml("a name with a line break", f'name = "a\\nb"\n{_RECIPE}'),
    toml("a name of a null character", f'name = "a\\u0000b"\n{_RECIPE}'),
    toml("attributes of Python", f"{_RECIPE}[__class__]\n__init__ = 1\n"),
    toml("attributes as options", f'{_RECIPE}"__class__" = "x"\n'),
    toml("dates for numbers", f"{_RECIPE}[training]\nepochs = 2026-01-01\n"),
    toml("no number", f"{_RECIPE}[training]\nlearning_rate = nan\n"),
    toml("a network without end", f"{_RECIPE}filters = [{'8,' * MANY}8]\n"),
    toml("another package as architecture", _DATA.format(path="/") + '[architecture]\nname = "os:system"\n'),
    toml("another package as source", '[data]\nsource = "os:system"\n' + _NETWORK),
    toml("a surrogate", f'name = "\\ud800"\n{_RECIPE}'),
    toml("an optimizer that is no class", f'{_RECIPE}[training]\noptimizer = "system"\n'),
]
GOOD_RECIPES = [
    toml("the smallest", _RECIPE, is_good=True),
    toml("quoted keys and comments", f'# mine\n"name" = "mine"\n{_RECIPE}', is_good=True),
    toml("inline tables", f'{_RECIPE}[training]\noptimizer = {{ name = "adam", beta_1 = 0.8 }}\n', is_good=True),
    toml("underscores in numbers", f"{_RECIPE}[training]\nseed = 1_000\n", is_good=True),
]


def run_with(change: Callable[[Path, Place], None], name: str, *, is_good: bool = False) -> Entry:
    """A run directory in which something is not as the run wrote it."""

    def make(place: Place) -> Path:
        from tests.serving import make_run

        directory = make_run(place.folder)
        change(directory.path, place)
        return directory.path

    return Entry(name, "run", make, is_good)


def set_facts(**facts: object) -> Callable[[Path, Place], None]:
    def change(path: Path, place: Place) -> None:
        from cnnforge.running.run_dir import RunDir

        RunDir(path).update_run(**facts)

    return change


def replace(name: str, content: bytes) -> Callable[[Path, Place], None]:
    def change(path: Path, place: Place) -> None:
        for found in path.glob(name):
            found.write_bytes(content)

    return change


def weights_that_are_a_pickle(path: Path, place: Place) -> None:
    """Weights that are a pickle, with the hash that belongs to them: who can write there can write both."""
    from cnnforge.running.run_dir import RunDir
    from cnnforge.system import files

    found = npz()(Place(path / "checkpoints", place.canary, place.secret))
    RunDir(path).update_run(weights={"file": found.name, "sha256": files.sha256(found)})


def model_that_is_a_pickle(path: Path, place: Place) -> None:
    """``model.keras`` is written for others, and nothing here reads it back."""
    (path / "model.keras").write_bytes(pickle.dumps(Payload(place.canary)))


HOSTILE_RUNS = [
    run_with(weights_that_are_a_pickle, "pickled weights with their hash"),
    run_with(set_facts(weights={"file": "../../../secret", "sha256": "0" * 64}), "weights elsewhere"),
    run_with(set_facts(weights={"file": "best-0001.npz", "sha256": "0" * 64}), "weights of another hash"),
    run_with(set_facts(weights={"file": "best-0001.npz"}), "weights without a hash"),
    run_with(set_facts(weights=3), "weights that are a number"),
    run_with(set_facts(data={}), "no classes"),
    run_with(set_facts(data=[]), "data that are a list"),
    run_with(set_facts(data={"class_names": ["cat"]}), "one class"),
    run_with(set_facts(data={"class_names": [str(n) for n in range(50)]}), "more classes than the network has"),
    run_with(replace("run.json", b"[" * MANY), "a record of brackets"),
    run_with(replace("run.json", b"[]"), "a record that is a list"),
    run_with(replace("run.json", b'{"status": '), "a record cut off"),
    run_with(replace("recipe.toml", b"a = " + b"[" * MANY), "a recipe of brackets"),
    run_with(replace("recipe.toml", b'[data]\nsource = "os:system"\n'), "a recipe of another package"),
    run_with(replace("checkpoints/best-*.npz", b""), "empty weights"),
]  # fmt: skip
GOOD_RUNS = [
    run_with(lambda path, place: None, "as it was written", is_good=True),
    run_with(set_facts(later="a key of a later version"), "a key that is not known", is_good=True),
    run_with(model_that_is_a_pickle, "a pickle as model.keras, which nothing reads", is_good=True),
]


def good_archives() -> list[Entry]:
    def archive(name: str, members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Entry:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", compression) as file:
            for member, content in members.items():
                file.writestr(member, content)
        return Entry(name, "archive", written("a.zip", buffer.getvalue()), is_good=True)

    return [
        archive("two classes", {"cat/1.jpg": b"a", "dog/1.jpg": b"b"}),
        archive("stored", {"cat/1.jpg": b"a"}, zipfile.ZIP_STORED),
        archive("names in every script", {"猫/1.jpg": b"a", "собака/été 😀.jpg": b"b"}),
        archive("dots in names", {"cat/a..b.jpg": b"a", "cat/...jpg": b"b"}),
        archive("folders as members", {"cat/": b"", "cat/1.jpg": b"a"}),
        archive("ten thousand members", {f"cat/{n}.jpg": b"a" for n in range(10_000)}, zipfile.ZIP_STORED),
    ]


def good_weights() -> list[Entry]:
    def arrays(name: str, **found: np.ndarray) -> Entry:
        def make(place: Place) -> Path:
            from cnnforge.network.arrays import write_arrays

            write_arrays(place.folder / "best.npz", found)
            return place.folder / "best.npz"

        return Entry(name, "weights", make, is_good=True)

    return [
        arrays("floats and integers", a=np.zeros((3, 4), np.float32), b=np.arange(4)),
        arrays("no numbers at all", a=np.zeros((0, 7), np.float32)),
        arrays("no number is among them", a=np.full(3, np.nan, np.float32)),
        arrays("a scalar", a=np.zeros((), np.float64)),
    ]


def hostile() -> list[Entry]:
    """Return all hostile files that need no Keras to be made."""
    pickles = [
        Entry("a pickled array", "weights", npz()),
        Entry("a pickled array of version 2", "weights", npz(version=b"\x02\x00")),
        Entry("a pickle that calls itself numbers", "weights", npz(descr="'<f8'")),
        Entry("a header with a call in it", "weights", npz(descr="__import__('os').getpid()", pickled=False)),
        Entry("a pickle alone", "weights", pickle_file("best.npz")),
    ]
    return [*pickles, *hostile_arrays(), *hostile_archives(), *HOSTILE_RECIPES, *HOSTILE_RUNS]


def good() -> list[Entry]:
    """Return the good files that need no Keras to be made."""
    return [*good_weights(), *good_archives(), *GOOD_RECIPES, *GOOD_RUNS]
