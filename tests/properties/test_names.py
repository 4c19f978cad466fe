"""Whatever names an archive, a command line or a run's record holds, none leads out of where it belongs."""

from __future__ import annotations

import io
import posixpath
import zipfile
from pathlib import Path

from hypothesis import HealthCheck, event, given, settings, strategies as st

import cnnforge
from cnnforge.errors import DataError
from cnnforge.images.names import escape, natural_key, unescape
from cnnforge.running.run_dir import RunDir

parts = st.sampled_from(
    ["..", ".", "", "a", "A", "b.jpg", "C:", "~", "\\", "con", "\0", "x\ny", "é", "\udce9", "__MACOSX"]
)
paths = st.lists(parts, min_size=1, max_size=4).map("/".join) | st.text(max_size=10)
in_one_folder = settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture])


def archive_with(names: list[str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            info = zipfile.ZipInfo("x")
            info.filename = name  # what the constructor would make a safe name of
            archive.writestr(info, b"content")
    return buffer.getvalue()


@given(st.lists(paths, min_size=1, max_size=3, unique=True))
@in_one_folder
def test_no_member_of_an_archive_has_a_name_that_leads_out_of_it(tmp_path: Path, names: list[str]) -> None:
    try:
        content = archive_with(names)
    except UnicodeEncodeError:
        return  # a surrogate: no archive can hold it
    path = tmp_path / "archive.zip"
    path.write_bytes(content)
    try:
        found = cnnforge.open_files(path)
    except DataError:
        event("refused")
        return
    event("listed")
    for name in [file.name for file in found.files] + [left.name for left in found.left_out]:
        assert ".." not in name.split("/")
        assert not name.startswith("/")
        assert f"{posixpath.normpath(posixpath.join('/root', name))}/".startswith("/root/")
    assert [found.read(file.name) for file in found.files] == [b"content"] * len(found.files)


@given(st.text())
def test_a_name_is_the_same_after_having_been_escaped(name: str) -> None:
    escaped = escape(name)
    escaped.encode()
    assert unescape(escaped) == name


@given(st.lists(st.integers(0, 10**30), min_size=2, max_size=6, unique=True), st.text(max_size=5))
def test_numbers_in_names_are_sorted_as_numbers(numbers: list[int], text: str) -> None:
    prefix = f"{text}-"
    ordered = sorted((f"{prefix}{number}" for number in numbers), key=natural_key)
    assert ordered == [f"{prefix}{number}" for number in sorted(numbers)]


@given(st.lists(st.text(max_size=8), max_size=8, unique=True))
def test_natural_order_is_an_order(names: list[str]) -> None:
    other_way_round = names[::-1]
    assert sorted(names, key=natural_key) == sorted(other_way_round, key=natural_key)


@given(paths)
@in_one_folder
def test_the_record_of_a_run_names_no_file_outside_its_folder(tmp_path: Path, name: str) -> None:
    run = RunDir(tmp_path / "r")
    run.path.mkdir(exist_ok=True)
    run.run_json.write_text("{}", encoding="utf-8")
    run.update_run(weights={"file": name})
    weights = run.best_weights
    assert run.path in [Path(posixpath.normpath(weights)), *Path(posixpath.normpath(weights)).parents]
