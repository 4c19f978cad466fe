"""The manifest: one readable line an image, right counts, and a fingerprint that nothing escapes."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from cnnforge.data.manifest import Manifest
from cnnforge.data.scanned import ScannedImages
from cnnforge.errors import StorageError
from cnnforge.images.labelled_images import LeftOut

HOSTILE = [
    "cat/new\nline.jpg",
    'cat/"quoted", and \\ comma.jpg',
    "dog/caf\udce9.jpg",  # a name that is no UTF-8, as Python hands it over
    "dog/🐶 and \u202ertl.jpg",
    "-rf.jpg",
    "tab\tand\r.jpg",
    "\u2028separator.jpg",
]


def scanned(num_images: int) -> ScannedImages:
    found = ScannedImages.empty(num_images)
    found.sha256[:] = np.arange(num_images)[:, None]
    found.widths[:], found.heights[:] = 40, 30
    found.formats[:] = [n % 2 for n in range(num_images)]  # JPEG and PNG in turn
    return found


def manifest(**changes: object) -> Manifest:
    fields = {
        "class_names": ("cat", "dog"),
        "names": ("a.jpg", "b.png", "c.jpg", "d.jpg", "e", "f.tar"),
        "labels": np.array([0, 0, 0, 1, 1, 1]),
        "splits": np.array([0, 1, 2, 0, -1, 0], np.int8),
        "scanned": scanned(6),
        "reasons": {4: "empty file"},
        "left_out": (LeftOut("Thumbs.db", "not a photograph"), LeftOut("p.jpg", "a named pipe", is_fault=True)),
        "duplicates": [np.array([0, 3])],
        "near_duplicates": [np.array([1, 2, 5])],
        "warnings": ["careful"],
    }
    return Manifest(**{**fields, **changes})


def written(found: Manifest, tmp_path: Path) -> list[dict]:
    path = tmp_path / "manifest.jsonl"
    found.write(path)
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]


def test_there_is_a_line_for_everything(tmp_path: Path) -> None:
    lines = written(manifest(), tmp_path)
    assert lines[0] == {
        "name": "a.jpg", "class": "cat", "split": "train", "sha256": "00" * 32, "width": 40, "height": 30,
        "format": "JPEG", "duplicates": 1,
    }  # fmt: skip
    assert lines[1]["near_duplicates"] == lines[5]["near_duplicates"] == 1
    assert lines[4] == {"name": "e", "class": "dog", "left_out": "empty file"}
    assert lines[6:] == [
        {"name": "Thumbs.db", "left_out": "not a photograph"},
        {"name": "p.jpg", "left_out": "a named pipe"},
    ]


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_hostile_names_survive(tmp_path: Path, name: str) -> None:
    found = manifest(names=(name, "b", "c", "d", "e", "f"), left_out=(LeftOut(name, "why"),))
    lines = written(found, tmp_path)
    assert len(lines) == 7
    assert lines[0]["name"] == lines[6]["name"] == name
    assert len(found.fingerprint()) == 64


def test_the_summary_counts_right() -> None:
    summary = manifest().summary()
    assert summary == {
        "class_names": ["cat", "dog"],
        "num_images": 5,
        "splits": {"train": {"cat": 1, "dog": 2}, "validation": {"cat": 1, "dog": 0}, "test": {"cat": 1, "dog": 0}},
        "num_left_out": 2,
        "left_out_reasons": {"a named pipe": 1, "empty file": 1},
        "ignored": 1,
        "num_duplicates": 1,
        "num_near_duplicates": 2,
        "num_animated": 0,
        "num_misnamed": 1,  # d.jpg is a PNG; e and f.tar claim nothing
        "fingerprint": manifest().fingerprint(),
        "warnings": ["careful"],
    }
    assert json.loads(json.dumps(summary)) == summary


def test_rows_of_a_split_are_ascending() -> None:
    assert [manifest().rows(split).tolist() for split in ("train", "validation", "test")] == [[0, 3, 5], [1], [2]]


def changed_hash() -> ScannedImages:
    """One bit of one photograph's hash: bytes overwritten since, or another file."""
    found = scanned(6)
    found.sha256[2, 31] ^= 1
    return found


@pytest.mark.parametrize(
    "changes",
    [
        {"names": ("a.jpg", "b.png", "c.jpg", "d.jpg", "e", "g.tar")},
        {"names": ("a.jp", "gb.png", "c.jpg", "d.jpg", "e", "f.tar")},
        {"class_names": ("cat", "wolf")},
        {"labels": np.array([0, 0, 1, 1, 1, 1])},
        {"splits": np.array([0, 1, 2, 1, -1, 0], np.int8)},
        {"splits": np.array([0, 1, 2, -1, -1, 0], np.int8)},
        {"scanned": changed_hash()},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_the_fingerprint_changes_with_every_change(changes: dict) -> None:
    assert manifest(**changes).fingerprint() != manifest().fingerprint()


def test_the_fingerprint_is_of_the_data_alone() -> None:
    assert manifest(warnings=[], near_duplicates=[], left_out=()).fingerprint() == manifest().fingerprint()


def test_a_manifest_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        manifest().write(tmp_path / "file" / "manifest.jsonl")


def test_columns_come_back_from_disk_as_they_were(tmp_path: Path) -> None:
    saved = dataclasses.replace(scanned(6), reasons={4: "zeilen\numbruch 🐶"})
    saved.save(tmp_path)
    loaded = ScannedImages.load(tmp_path, 6)
    assert loaded.reasons == saved.reasons
    assert np.array_equal(loaded.sha256, saved.sha256)
    with pytest.raises(ValueError, match="expected 7 rows"):
        ScannedImages.load(tmp_path, 7)
