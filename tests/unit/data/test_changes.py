"""Data that are no longer those a run was started with."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from cnnforge.data.manifest import check_unchanged, data_changes
from cnnforge.errors import DataError


def line(name: str, sha256: str = "1", label: str = "cat", split: str = "train") -> dict[str, str]:
    return {"name": name, "sha256": sha256, "class": label, "split": split}


def by_name(*lines: dict[str, str]) -> dict[str, dict[str, str]]:
    return {line["name"]: line for line in lines}


def test_every_kind_of_change_is_named_with_the_first_few_images() -> None:
    before = by_name(line("same"), line("gone"), line("edited"), line("moved"), line("split"))
    now = by_name(
        line("same"), line("edited", "2", split="test"), line("moved", label="dog"), line("split", split="test"),
        *(line(f"new{number}") for number in range(6)),
    )  # fmt: skip
    assert list(data_changes(before, now)) == [
        "6 new: new0, new1, new2, new3, new4, …",
        "1 missing: gone",
        "1 changed content: edited",
        "1 another class: moved",
        "1 another split: split",
    ]


def test_an_image_that_can_no_longer_be_read_has_changed() -> None:
    unreadable = {"name": "a", "class": "cat", "left_out": "truncated"}
    assert list(data_changes(by_name(line("a")), by_name(unreadable))) == ["1 changed content: a"]


@pytest.mark.parametrize("damage", [b'{"name": "a", "sha2', b"[1]", b'{"sha256": "1"}', b"\0", b"\xff\xfe"])
def test_a_damaged_manifest_is_another_one(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "manifest.jsonl"
    path.write_bytes(json.dumps(line("b")).encode() + b"\n" + damage + b"\n")
    now = SimpleNamespace(fingerprint=lambda: "now", lines=lambda: [line("a"), line("b")])
    with pytest.raises(DataError, match="received others:\n  1 new: a"):
        check_unchanged("before", path, now)
