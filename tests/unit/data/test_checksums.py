"""Damage to an image store is noticed, said in a line and mended before anything is read, whatever its size."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cnnforge.data import store
from cnnforge.errors import StorageError
from tests.unit.data.sources import SETTINGS, Photographs, same_scan

NUM_IMAGES, ROW = 10, 12 * 16 * 3
Damage = Callable[[bytearray], object]


def zero_half(content: bytearray) -> None:
    content[: len(content) // 2] = bytes(len(content) // 2)


def flip(content: bytearray, step: int = 997) -> None:
    for position in range(0, len(content), step):
        content[position] ^= 1


def swap(content: bytearray) -> None:
    content[:ROW], content[ROW : 2 * ROW] = content[ROW : 2 * ROW], content[:ROW]


PIXELS: dict[str, tuple[Damage, int]] = {
    "half zeroed": (zero_half, NUM_IMAGES // 2),
    "a bit in every 997th byte": (flip, 6),
    "two images swapped": (swap, 2),
    "one bit in the last byte": (lambda content: flip(content, len(content) - 1), 2),
    "an image shifted by a byte": (lambda content: content.__setitem__(slice(0, ROW), content[1 : ROW + 1]), 1),
    "all 255": (lambda content: content.__setitem__(slice(None), b"\xff" * len(content)), NUM_IMAGES),
}


@pytest.fixture
def photographs(tmp_path: Path) -> Photographs:
    return Photographs(tmp_path / "photographs", NUM_IMAGES)


def stored(photographs: Photographs) -> Path:
    photographs.scan()
    photographs.take_reads()
    (info,) = store.list_stores()
    return info.path


def spoil(path: Path, damage: Damage) -> None:
    content = bytearray(path.read_bytes())
    damage(content)
    assert bytes(content) != path.read_bytes()
    path.write_bytes(content)


@pytest.mark.parametrize(("damage", "num_images"), PIXELS.values(), ids=PIXELS)
def test_damaged_pixels_are_decoded_anew_and_said(photographs: Photographs, damage: Damage, num_images: int) -> None:
    expected = photographs.scan("memory")
    spoil(stored(photographs) / store.IMAGES, damage)
    mended = photographs.scan()
    (note,) = mended.notes
    assert re.search(rf"built anew: the pixels of {num_images} of its {NUM_IMAGES} images changed", note)
    assert len(photographs.take_reads()) == num_images  # what is sound is taken over
    assert same_scan(mended, expected)
    assert photographs.scan().notes == ()


@pytest.mark.parametrize("file", ["scan.npz", "reasons.json", "identities.npy"])
@pytest.mark.parametrize("damage", [zero_half, lambda content: flip(content, len(content) - 1)], ids=["zero", "flip"])
def test_a_damaged_column_is_noticed(photographs: Photographs, file: str, damage: Damage) -> None:
    photographs.put("00003.png", b"no image")  # so that reasons.json has a byte more than {}
    expected = photographs.scan("memory")
    spoil(stored(photographs) / file, damage)
    mended = photographs.scan()
    assert mended.notes == (f"the image store cannot be trusted and is built anew: its {file} changed",)
    assert same_scan(mended, expected)


@pytest.mark.parametrize(
    "change",
    [
        {"location": "elsewhere"},
        {"num_images": 3},
        {"checksum": "0"},
        {"checksums": {}},
        {"checksums": []},
        {"checksums": {"reasons.json": "0"}},
        {"another": 1},
    ],
)
def test_a_changed_description_is_noticed(photographs: Photographs, change: dict[str, object]) -> None:
    path = stored(photographs) / "store.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    (note,) = photographs.scan().notes
    assert "built anew" in note
    assert photographs.scan().notes == ()


def test_a_store_of_before_has_no_checksums_and_is_built_anew(photographs: Photographs) -> None:
    """Nothing says that its pixels are what was written, so they are not trusted."""
    path = stored(photographs)
    facts = json.loads((path / "store.json").read_text())
    (path / "store.json").write_text(json.dumps({k: v for k, v in facts.items() if not k.startswith("checksum")}))
    with np.load(path / "scan.npz") as arrays:
        columns = {name: arrays[name] for name in arrays if name != "checksums"}
    np.savez(path / "scan.npz", **columns)
    assert "an earlier cnnforge wrote it without checksums" in photographs.scan().notes[0]
    assert len(photographs.take_reads()) == NUM_IMAGES
    assert photographs.scan().notes == ()


def test_a_store_damaged_while_it_is_read_is_refused(photographs: Photographs) -> None:
    result = photographs.scan()
    (info,) = store.list_stores()
    with (info.path / store.IMAGES).open("r+b") as file:
        file.seek(4 * ROW + 5)
        file.write(b"\0\1\2")
    result.rows.gather(np.array([3, 5]))
    with pytest.raises(StorageError, match="expected pixels as they were written"):
        result.rows.gather(np.array([3, 4]))


def test_a_larger_data_set_takes_over_only_what_is_sound(photographs: Photographs) -> None:
    spoil(stored(photographs) / store.IMAGES, swap)
    photographs.add(2)
    grown = photographs.scan()
    assert sorted(photographs.take_reads()) == ["00000.png", "00001.png", "00010.png", "00011.png"]
    assert same_scan(grown, photographs.scan("memory"))


def test_memory_is_flat_however_large_the_store(photographs: Photographs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages that were checked are given back."""
    from cnnforge.data import image_rows

    released = []
    monkeypatch.setattr(image_rows, "_CHECKED_ROWS", 2)
    monkeypatch.setattr(image_rows.StoredRows, "_release", lambda self, num_bytes: released.append(num_bytes))
    stored(photographs)
    released.clear()
    photographs.scan()
    assert released == [2 * ROW] * (NUM_IMAGES // 2)
    assert SETTINGS.shape == (12, 16, 3)
