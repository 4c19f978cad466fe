"""`cnnforge data check`, `data split` and `data store` on small folders."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Forty pictures of two classes, one of them empty, one twice, one in both classes, and litter."""
    folder = tmp_path / "photographs"
    generator = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
        for number in range(20):
            pixels = generator.integers(0, 256, (30, 40, 3), np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    (folder / "cat" / "7.png").write_bytes(b"")
    (folder / "cat" / "copy.png").write_bytes((folder / "cat" / "1.png").read_bytes())
    (folder / "dog" / "cat-too.png").write_bytes((folder / "cat" / "2.png").read_bytes())
    (folder / "Thumbs.db").write_bytes(b"x")
    return folder


def test_check_tells_what_there_is_before_anyone_trains(cli, photographs):
    done = cli("data", "check", str(photographs))
    assert done.code == 0
    assert "39 of 2 classes" in done.out
    assert "cat/7.png: empty file" in done.out
    assert "cat/2.png: labelled twice" in done.out
    assert "Width       40 pixels" in done.out
    assert "PNG 39" in done.out
    assert "Ignored     1" in done.out
    facts = json.loads(cli("data", "check", str(photographs), "--json").out)
    assert sum(sum(counts.values()) for counts in facts["splits"].values()) == 39
    assert {item["name"] for item in facts["left_out"]} == {"cat/7.png", "cat/2.png", "dog/cat-too.png"}
    assert ["cat/1.png", "cat/copy.png"] in [[p.split(" ")[0] for p in group] for group in facts["duplicates"]]


def test_split_writes_training_and_testing_folders_and_leaves_the_originals(cli, photographs, tmp_path):
    before = {path: path.read_bytes() for path in photographs.rglob("*") if path.is_file()}
    done = cli("data", "split", str(photographs), "--to", str(tmp_path / "out"))
    assert done.code == 0, done.err
    written = sorted(path.relative_to(tmp_path / "out") for path in (tmp_path / "out").rglob("*.png"))
    assert len(written) == 39
    assert {path.parts[:2] for path in written} == {(s, c) for s in ("training", "testing") for c in ("cat", "dog")}
    assert "left out: cat/7.png: empty file" in done.out
    assert {path: path.read_bytes() for path in photographs.rglob("*") if path.is_file()} == before
    assert cli("data", "split", str(photographs), "--to", str(tmp_path / "out")).code == 2


def test_the_store_is_listed_and_cleared(cli, photographs):
    assert "no stores" in cli("data", "store").out
    cli("data", "check", str(photographs))
    (store,) = json.loads(cli("data", "store", "--json").out)
    assert (store["location"], store["num_images"]) == (str(photographs), 42)
    assert Path(store["path"], "images.u8").stat().st_size == 42 * 150 * 150 * 3
    assert "150×150  42" in cli("data", "store").out
    assert "deleted 1 stores" in cli("data", "store", "--clear").out
    assert not Path(store["path"]).exists()
