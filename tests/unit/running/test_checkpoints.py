"""Checkpoints: the newest whole one, whatever happened to the files, and never more than two."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cnnforge.errors import RecipeError
from cnnforge.running.checkpoints import newest_checkpoint, newest_checkpoint_facts, next_path, publish
from cnnforge.system import files


def save(folder: Path, epoch: int) -> None:
    path = next_path(folder)
    names = (f"best-{epoch:04}.npz", f"{path.stem}.npz")
    for name in names:
        (folder / name).write_bytes(f"{name} of epoch {epoch}".encode() * 100)
    publish(path, {"epoch": epoch, "batch": 0, "files": {name: files.sha256(folder / name) for name in names}})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for epoch in (1, 2, 3):
        save(tmp_path, epoch)
    return tmp_path


def test_two_are_kept_with_all_that_belongs_to_them(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {
        "last-000002.json", "last-000002.npz", "best-0002.npz", "last-000003.json", "last-000003.npz", "best-0003.npz",
    }  # fmt: skip
    found = newest_checkpoint(folder, pytest.fail)
    assert found is not None
    assert (found.epoch, found.batch, found.state) == (3, 0, folder / "last-000003.npz")


def test_without_any_there_is_none(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path / "missing", pytest.fail) is None
    assert newest_checkpoint_facts(tmp_path) == {}


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def flip_epoch(path: Path) -> None:
    path.write_text(path.read_text().replace('"epoch": 3', '"epoch": 4'))


DAMAGE: dict[str, Callable[[Path], None]] = {
    "flipped": flip,
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-2]),
    "emptied": lambda path: path.write_bytes(b""),
    "deleted": Path.unlink,
    "replaced by JSON": lambda path: path.write_text("[1, 2]"),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", ["last-000003.json", "last-000003.npz", "best-0003.npz"])
def test_the_one_before_takes_the_place_of_a_damaged_one_and_it_is_said(folder: Path, name: str, damage: str) -> None:
    DAMAGE[damage](folder / name)
    warnings: list[str] = []
    found = newest_checkpoint(folder, warnings.append)
    assert found is not None
    assert found.epoch == 2
    assert len(warnings) == (0 if (damage, name) == ("deleted", "last-000003.json") else 1)
    assert all("last-000003.json is damaged" in text for text in warnings)
    save(folder, 3)
    assert newest_checkpoint(folder, pytest.fail).epoch == 3


def test_a_manifest_is_believed_only_as_it_was_written(folder: Path) -> None:
    flip_epoch(folder / "last-000003.json")
    assert newest_checkpoint(folder, lambda text: None).epoch == 2
    assert newest_checkpoint_facts(folder)["epoch"] == 2


def test_one_of_a_newer_format_is_refused(folder: Path) -> None:
    facts = {"format": 2, "files": {}}
    text = json.dumps(facts, sort_keys=True)
    import hashlib

    content = {"sha256": hashlib.sha256(text.encode()).hexdigest(), "checkpoint": facts}
    (folder / "last-000004.json").write_text(json.dumps(content))
    with pytest.raises(RecipeError, match="format at most 1"):
        newest_checkpoint(folder, pytest.fail)
