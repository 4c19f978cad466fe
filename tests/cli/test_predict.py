"""`cnnforge predict`: any way of naming files, every format, and the same figures as `evaluate`."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sys
import zipfile

import pytest


@pytest.fixture
def standard_input(monkeypatch):
    """A function that puts bytes on standard input."""

    def put(content: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(content))))

    return put


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_probabilities_are_those_of_the_evaluation_to_the_bit(cli, trained):
    with (trained.run / "predictions.csv").open(encoding="utf-8", newline="") as file:
        expected = list(csv.DictReader(file))
    paths = [str(trained.photographs / row["name"]) for row in expected]
    found = rows(cli("predict", str(trained.run), *paths, "--csv").out)
    keys = ("predicted", "p_apple", "p_pear")
    assert [[row[key] for key in keys] for row in found] == [[row[key] for key in keys] for row in expected]
    assert [row["name"] for row in found] == paths


def test_stored_pixels_give_the_same_as_decoding(cli, trained, tmp_path, monkeypatch):
    from cnnforge.data.known_pixels import KnownPixels

    decoded = cli("predict", str(trained.run), str(trained.photographs), "--csv").out
    monkeypatch.setenv("CNNFORGE_CACHE_DIR", str(trained.run.parents[1] / "cache"))
    used = []
    find = KnownPixels.find
    monkeypatch.setattr(KnownPixels, "find", lambda self, *image: used.append(find(self, *image)) or used[-1])
    stored = cli("predict", str(trained.run), str(trained.photographs), "--csv").out
    assert stored == decoded
    assert len(used) == 120
    assert all(pixels is not None for pixels in used)


def test_folders_archives_patterns_and_paths_from_standard_input_give_the_same(cli, trained, tmp_path, standard_input):
    folder = tmp_path / "photographs"
    shutil.copytree(trained.photographs / "apple", folder / "inner" / "apple")
    (folder / "notes.txt").write_text("no photograph")
    (folder / ".hidden").mkdir()
    shutil.copy(folder / "inner" / "apple" / "1.png", folder / ".hidden")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for path in sorted(folder.rglob("*.png")):
            archive.write(path, path.relative_to(folder))
    run = str(trained.run)
    by_folder = {row["name"].rpartition("/")[2]: row for row in rows(cli("predict", run, str(folder), "--csv").out)}
    assert len(by_folder) == 60
    standard_input(b"".join(f"{path}\r\n".encode() for path in sorted((folder / "inner").rglob("*.png"))) + b"\n")
    for given in (str(tmp_path / "all.zip"), str(folder / "**" / "*.png"), "-"):
        found = {row["name"].rpartition("/")[2]: row for row in rows(cli("predict", run, given, "--csv").out)}
        assert {name: row["p_pear"] for name, row in found.items()} == {
            name: row["p_pear"] for name, row in by_folder.items()
        }


def test_an_image_on_standard_input(cli, trained, standard_input):
    path = trained.photographs / "pear" / "3.png"
    standard_input(path.read_bytes())
    (piped,) = json.loads(cli("predict", str(trained.run), "-", "--json").out)
    (named,) = json.loads(cli("predict", str(trained.run), str(path), "--json").out)
    assert piped == {**named, "name": "-"}


def test_a_bad_file_gets_a_row_with_its_reason_and_the_rest_goes_on(cli, trained, tmp_path):
    (tmp_path / "broken.jpg").write_bytes((trained.photographs / "pear" / "3.png").read_bytes()[:500])
    paths = [str(tmp_path / "broken.jpg"), str(tmp_path / "nowhere.jpg"), str(trained.photographs / "pear" / "3.png")]
    done = cli("predict", str(trained.run), *paths, "--json-lines")
    broken, missing, good = map(json.loads, done.out.splitlines())
    assert (done.code, broken["error"], missing["error"]) == (
        0,
        "damaged: the file is cut off",
        "no such file or directory",
    )
    assert set(good["probabilities"]) == {"apple", "pear"}
    assert good["probabilities"][good["predicted"]] == good["probability"] == max(good["probabilities"].values())
    assert "1 images" in done.err
    assert "2 could not be read" in done.err


@pytest.mark.parametrize("form", ["--csv", "--json", "--json-lines", ""])
def test_nothing_that_can_be_read_is_exit_code_3(cli, trained, tmp_path, form):
    (tmp_path / "empty").mkdir()
    done = cli(*["predict", str(trained.run), str(tmp_path / "empty"), *filter(None, [form])])
    assert done.code == 3
    if form == "--json":
        assert json.loads(done.out) == []
    assert cli("predict", str(trained.run), str(tmp_path / "nowhere.jpg")).code == 3


def test_the_table_and_the_most_probable_classes(cli, trained):
    path = str(trained.photographs / "pear" / "3.png")
    one = cli("predict", str(trained.run), path).out.splitlines()
    assert (one[0].split(), one[2].split()[-1]) == (["class", "file"], path)
    two = cli("predict", str(trained.run), path, "--top", "9").out.splitlines()
    assert set(two[2].split()[0:4:3]) == {"apple", "pear"}
    (row,) = rows(cli("predict", str(trained.run), path, "--csv", "--top", "1").out)
    assert list(row) == ["name", "class_1", "p_1", "error"]
    (item,) = json.loads(cli("predict", str(trained.run), path, "--json", "--top", "1").out)
    assert list(item["probabilities"]) == [item["predicted"]]


def test_two_formats_at_once_are_an_error(cli, trained):
    done = cli("predict", str(trained.run), "x.jpg", "--csv", "--json")
    assert (done.code, "expected one format" in done.err) == (2, True)


def test_strange_names_and_places(cli, trained, tmp_path):
    source = trained.photographs / "pear" / "3.png"
    names = ["a, b.png", "übung\n.png", "[x].png", "-.png"]
    for name in names:
        shutil.copy(source, tmp_path / name)
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "link.png").symlink_to(source)
    (tmp_path / "broken.png").symlink_to(tmp_path / "nowhere")
    found = {row["name"]: row for row in rows(cli("predict", str(trained.run), str(tmp_path), "--csv").out)}
    assert len({row["p_pear"] for row in found.values() if not row["error"]}) == 1
    assert set(found) == {str(tmp_path / name) for name in [*names, "link.png", "broken.png"]}
    assert "a symbolic link that leads nowhere" in found[str(tmp_path / "broken.png")]["error"]
    table = cli("predict", str(trained.run), str(tmp_path / "[x].png"), str(tmp_path / names[1]))
    assert (table.code, len(table.out.splitlines())) == (0, 4)
