"""The scan gives the same wherever it runs, reads nothing twice, and leaves nothing behind when it is stopped."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections import Counter, namedtuple
from pathlib import Path

import numpy as np
import pytest

from cnnforge.data import image_rows, scanning as scan_module, store, workers
from cnnforge.data.decoding import DecodeSettings
from cnnforge.data.image_rows import StoredRows, StreamedRows
from cnnforge.data.store import remove_store
from cnnforge.errors import DataError, PluginError, RecipeError, StorageError
from cnnforge.images.labelled_images import LabelledImages
from tests.unit.data.sources import SETTINGS, Photographs, not_picklable, picture, pixels_of, same_scan

ENOUGH_FOR_PROCESSES = workers._MIN_IMAGES_FOR_PROCESSES + 30


@pytest.fixture
def photographs(tmp_path: Path) -> Photographs:
    return Photographs(tmp_path / "photographs", 10)


@pytest.fixture
def many(tmp_path: Path) -> Photographs:
    """Enough for worker processes, some of them bad."""
    found = Photographs(tmp_path / "many", ENOUGH_FOR_PROCESSES)
    for name in found.names[5::100]:
        found.put(name, b"<html>no photograph</html>")
    return found


@pytest.fixture
def small_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CNNFORGE_CACHE_GB", "0.000001")


def stored_names() -> list[str]:
    folder = store.stores_dir()
    return [p.name for p in folder.iterdir() if p.suffix != ".lock"] if folder.exists() else []


# Where it runs


def test_processes_threads_and_this_process_give_the_same(many: Photographs, monkeypatch: pytest.MonkeyPatch) -> None:
    in_processes = many.scan("memory")
    pids = {line.split()[1] for line in many.take_log()}
    in_threads = many.scan("memory", read=not_picklable(many.images().read))
    threads = {tuple(line.split()[1:]) for line in many.take_log()}
    monkeypatch.setattr(workers, "_MIN_IMAGES_FOR_PROCESSES", 10**9)
    here = many.scan("memory")
    assert str(os.getpid()) not in pids
    assert {pid for pid, _ in threads} == {str(os.getpid())}
    assert str(threading.get_ident()) not in {thread for _, thread in threads}
    assert {tuple(line.split()[1:]) for line in many.take_log()} == {(str(os.getpid()), str(threading.get_ident()))}
    assert len(in_processes.scanned.reasons) == 5
    assert same_scan(in_processes, in_threads)
    assert same_scan(in_processes, here)


def test_every_image_is_where_its_name_is(photographs: Photographs) -> None:
    forward = photographs.scan("memory")
    photographs.names.reverse()
    backward = photographs.scan("memory")
    assert np.array_equal(forward.scanned.sha256[::-1], backward.scanned.sha256)
    assert np.array_equal(pixels_of(forward)[::-1], pixels_of(backward))


def test_progress_ends_with_all(photographs: Photographs) -> None:
    seen = []
    scan_module.scan(photographs.images(), SETTINGS, "auto", lambda done, total: seen.append((done, total)))
    assert seen[-1] == (10, 10)


def test_a_source_without_images_is_scanned(photographs: Photographs) -> None:
    empty = Photographs(photographs.folder.with_name("empty"))
    for mode in ("disk", "memory", "off"):
        assert len(empty.scan(mode).scanned.sha256) == 0


def test_a_source_defined_in_a_script_is_read_in_threads(tmp_path: Path) -> None:
    """Another process would not find it; and a script without ``if __name__ == "__main__"`` must not run again."""
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(f"""
            import os
            from cnnforge import LabelledImages
            from cnnforge.data.decoding import DecodeSettings
            from cnnforge.data.scanning import scan
            from tests.unit.data.sources import picture
            print("started")
            class Read:
                def __call__(self, index): return picture(index)
            n = {ENOUGH_FOR_PROCESSES}
            images = LabelledImages(class_names=["a"], names=[str(i) for i in range(n)], labels=[0] * n, read=Read())
            print(len(scan(images, DecodeSettings(4, 4), "memory", lambda d, t: None).scanned.reasons))
        """),
        encoding="utf-8",
    )
    finished = subprocess.run([sys.executable, script], env=environment(), capture_output=True, text=True, timeout=60)
    assert (finished.stdout.split(), finished.stderr) == (["started", "0"], "")


# What cannot be read


def raising(error: Exception):
    def read(index: int) -> bytes:
        if index == 3:
            raise error
        return picture(index)

    return read


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (PermissionError(13, "Permission denied", "/a/secret/path.jpg"), "permission denied"),
        (FileNotFoundError(2, "No such file or directory"), "no such file or directory"),  # IMG32
        (ValueError("bad CRC:\n the archive is damaged"), "bad CRC: the archive is damaged"),
        (KeyError("x"), "KeyError: 'x'"),
        (EOFError(), "EOFError: "),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_an_image_that_cannot_be_read_is_left_out(photographs: Photographs, error: Exception, reason: str) -> None:
    result = photographs.scan(read=raising(error))
    assert result.scanned.reasons == {3: reason}
    assert result.scanned.unread().tolist() == [3]


@pytest.mark.parametrize("returned", [None, "text", bytearray(b"x"), [[0]]], ids=lambda v: type(v).__name__)
def test_a_source_that_returns_no_image_at_all_breaks_the_contract(photographs: Photographs, returned: object) -> None:
    with pytest.raises(PluginError, match=rf"bytes or a uint8 array, received {type(returned).__name__}"):
        photographs.scan(read=lambda index: returned)


def test_a_source_of_arrays_is_scanned(photographs: Photographs) -> None:
    result = photographs.scan(read=lambda index: np.full((6, 8, 3), index, np.uint8), signatures=None)
    assert pixels_of(result)[:, 0, 0, 0].tolist() == list(range(10))


class WantsNoInterrupts:
    """Reads nothing in a process that Ctrl-C could reach."""

    def __call__(self, index: int) -> bytes:
        if signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ()):
            raise ValueError("would hear Ctrl-C while it starts")
        return picture(index)


def test_worker_processes_never_hear_ctrl_c(many: Photographs) -> None:
    """Not even while they start, when they would each print a traceback."""
    assert many.scan("off", read=WantsNoInterrupts(), signatures=None).scanned.reasons == {}


class KillsItsProcess:
    def __call__(self, index: int) -> bytes:
        if index == 200:
            os.kill(os.getpid(), signal.SIGKILL)
        return picture(index)


def test_an_image_that_kills_the_decoder_ends_in_an_error_that_says_so(many: Photographs) -> None:
    with pytest.raises(DataError, match="was killed"):
        many.scan(read=KillsItsProcess())
    assert stored_names() == []


# What is kept


def test_a_second_scan_reads_nothing(photographs: Photographs) -> None:
    first = photographs.scan()
    assert sorted(photographs.take_reads()) == photographs.names
    second = photographs.scan()
    assert photographs.take_reads() == []
    assert same_scan(first, second)
    assert first.notes == second.notes == ()


def test_added_images_alone_are_read(photographs: Photographs) -> None:
    photographs.scan()
    photographs.take_reads()
    added = photographs.add(3)
    photographs.names.sort(reverse=True)  # so that every old image is at another row now
    result = photographs.scan()
    assert sorted(photographs.take_reads()) == added
    assert same_scan(result, photographs.scan("memory"))


def test_a_changed_image_alone_is_read(photographs: Photographs) -> None:
    photographs.scan()
    photographs.take_reads()
    photographs.put("00004.png", picture(99), signature="2")
    result = photographs.scan()
    assert photographs.take_reads() == ["00004.png"]
    assert same_scan(result, photographs.scan("memory"))


def test_other_settings_are_another_store(photographs: Photographs) -> None:
    photographs.scan()
    other = photographs.scan(settings=DecodeSettings(6, 8))
    assert pixels_of(other).shape == (10, 6, 8, 3)
    assert len(store.list_stores()) == 2


def test_bad_images_are_remembered_with_their_reason(photographs: Photographs) -> None:
    photographs.put("00002.png", b"no image")
    first = photographs.scan()
    photographs.take_reads()
    added = photographs.add(1)
    assert photographs.scan().scanned.reasons == first.scanned.reasons == {2: "not an image, but text"}
    assert photographs.take_reads() == added


def test_an_image_that_could_not_be_read_is_tried_again(photographs: Photographs) -> None:
    """Permissions may be put right, a network may come back: the signature tells nothing of it."""
    missing = photographs.folder / "00002.png"
    content = missing.read_bytes()
    missing.unlink()
    assert photographs.scan().scanned.reasons == {2: "no such file or directory"}
    photographs.take_reads()
    assert photographs.scan().scanned.reasons == {2: "no such file or directory"}
    assert photographs.take_reads() == ["00002.png"]
    missing.write_bytes(content)
    result = photographs.scan()
    assert set(photographs.take_reads()) == {"00002.png"}
    assert same_scan(result, photographs.scan("memory"))
    photographs.take_reads()
    assert same_scan(result, photographs.scan())
    assert photographs.take_reads() == []


def test_without_signatures_nothing_is_kept(photographs: Photographs) -> None:
    for mode in ("auto", "disk", "memory", "off"):
        result = photographs.scan(mode, signatures=None)
        assert len(photographs.take_reads()) == 10, mode
        assert pixels_of(result).shape == (10, 12, 16, 3)
        photographs.take_reads()
    assert stored_names() == []


@pytest.mark.parametrize(
    ("mode", "rows", "num_stores"),
    [("auto", StoredRows, 1), ("disk", StoredRows, 1), ("memory", StoredRows, 0), ("off", StreamedRows, 1)],
)
def test_every_mode_gives_the_same_pixels(photographs: Photographs, mode: str, rows: type, num_stores: int) -> None:
    result = photographs.scan(mode)
    assert isinstance(result.rows, rows)
    assert len(store.list_stores()) == num_stores
    expected = np.stack([np.asarray(image) for image in pixels_of(photographs.scan("memory"))])
    assert np.array_equal(pixels_of(result), expected)


def test_off_keeps_what_was_learnt_but_no_pixels(photographs: Photographs) -> None:
    photographs.scan("off")
    photographs.take_reads()
    photographs.scan("off")
    assert photographs.take_reads() == []
    assert not list(store.stores_dir().rglob(store.IMAGES))


@pytest.mark.parametrize("signatures", [None, ["1"] * 10], ids=["unsigned", "signed"])
def test_memory_leaves_no_file(
    photographs: Photographs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signatures: list[str] | None
) -> None:
    parent = tmp_path / "temporary"
    parent.mkdir()
    monkeypatch.setattr(scan_module, "_temporary_parent", lambda num_bytes: parent)
    result = photographs.scan("memory", signatures=signatures)
    assert list(parent.iterdir()) == []  # so that even kill -9 leaves nothing
    assert pixels_of(result).any()


# Too large


def test_data_beyond_the_limit_stream_and_it_is_said(photographs: Photographs, small_cache: None) -> None:
    streamed = photographs.scan("auto")
    assert isinstance(streamed.rows, StreamedRows)
    (note,) = streamed.notes
    assert "decoded again in every epoch" in note
    assert same_scan(streamed, photographs.scan("memory"))


def test_what_is_stored_already_needs_no_room(photographs: Photographs, monkeypatch: pytest.MonkeyPatch) -> None:
    photographs.scan("disk")
    monkeypatch.setenv("CNNFORGE_CACHE_GB", "0.000001")
    assert isinstance(photographs.scan("auto").rows, StoredRows)


def test_a_disk_store_beyond_the_limit_is_an_error(photographs: Photographs, small_cache: None) -> None:
    with pytest.raises(StorageError, match=r"the cache may hold .* GB, received data.store=disk"):
        photographs.scan("disk")


@pytest.mark.parametrize("text", ["much", "", "inf"])
def test_a_limit_that_is_no_number_is_an_error(
    photographs: Photographs, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("CNNFORGE_CACHE_GB", text)
    with pytest.raises(RecipeError, match=f"CNNFORGE_CACHE_GB={text}"):
        photographs.scan()


def test_without_room_for_a_temporary_file_it_streams_or_says_so(
    photographs: Photographs, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(scan_module.shutil, "disk_usage", lambda path: usage(0, 0, 1000))
    streamed = photographs.scan("auto", signatures=None)
    assert isinstance(streamed.rows, StreamedRows)
    assert "decoded again in every epoch" in streamed.notes[0]
    with pytest.raises(StorageError, match=r"received data\.store=memory"):
        photographs.scan("memory")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda path: path.unlink(), "No such file"),
        (lambda path: path.write_bytes(picture(77)), "its content has changed"),
        (lambda path: path.write_bytes(path.read_bytes()[:-40]), "its content has changed"),  # IMG33
    ],
    ids=["deleted", "replaced", "cut"],
)
def test_an_image_that_changes_while_it_is_streamed_stops_the_run(photographs: Photographs, change, reason) -> None:
    """IMG32. Not skipped: its split and label rest on what it was, so anything in its place would be silently wrong."""
    result = photographs.scan("off")
    change(photographs.folder / "00003.png")
    assert pixels_of(result, [2, 4]).shape[0] == 2
    with pytest.raises(DataError, match=rf"00003\.png .*{reason}"):
        pixels_of(result)


def test_rows_stay_right_when_their_memory_is_given_back(
    photographs: Photographs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_rows, "_RELEASED_BYTES", 1000)
    result = photographs.scan("disk")
    expected = pixels_of(photographs.scan("off"))
    for row in (3, 9, 0, 3):
        result.rows.announce(np.array([row]))
        assert np.array_equal(pixels_of(result, [row])[0], expected[row])


# What goes wrong with the cache


@pytest.mark.parametrize("mode", ["auto", "disk", "off"])
@pytest.mark.parametrize("where", ["cache", "cache/images"])
def test_a_cache_that_cannot_be_written_is_a_storage_error(
    photographs: Photographs, tmp_path: Path, mode: str, where: str
) -> None:
    blocked = tmp_path / where
    blocked.parent.mkdir(parents=True, exist_ok=True)
    blocked.write_text("a file where a folder should be")
    with pytest.raises(StorageError, match="cannot write") as caught:
        photographs.scan(mode)
    assert caught.value.exit_code == 6
    assert pixels_of(photographs.scan("memory")).any()


FILES = ("store.json", "scan.npz", "reasons.json", "images.u8", "identities.npy")
DAMAGES = {
    "deleted": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-7]),
    "garbage": lambda path: path.write_bytes(bytes(range(256))),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("file", FILES)
def test_a_damaged_store_is_built_anew(photographs: Photographs, file: str, damage) -> None:
    expected = photographs.scan("memory")
    photographs.scan()
    (info,) = store.list_stores()
    damage(info.path / file)
    assert same_scan(photographs.scan(), expected)
    photographs.take_reads()
    assert same_scan(photographs.scan(), expected)
    assert photographs.take_reads() == []
    assert [name for name in stored_names() if name.startswith(".")] == []


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("file", FILES)
def test_nothing_is_taken_over_from_a_damaged_store(photographs: Photographs, file: str, damage) -> None:
    photographs.scan()
    (info,) = store.list_stores()
    damage(info.path / file)
    photographs.add(2)
    assert same_scan(photographs.scan(), photographs.scan("memory"))


def test_a_store_that_is_removed_is_read_on_by_who_has_it_open(photographs: Photographs) -> None:
    result = photographs.scan()
    before = pixels_of(result)
    (info,) = store.list_stores()
    assert remove_store(info)
    assert stored_names() == []
    assert np.array_equal(pixels_of(result), before)


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(["plugins", *sys.path])}


SCAN_SCRIPT = """
import os, resource, signal, sys, time
from pathlib import Path
from cnnforge.data import scan
from cnnforge.data.decoding import DecodeSettings
from cnnforge.errors import CnnforgeError
from tests.unit.data.sources import LoggingReader, Photographs
from tests.unit.data import stopping

if __name__ == "__main__":
    folder, how, mode, size = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
    scan._temporary_parent = lambda num_bytes: folder.with_name("temporary")
    photographs = Photographs(folder)
    photographs.names = sorted(path.name for path in folder.iterdir())
    photographs.signatures = dict.fromkeys(photographs.names, "1")
    images = photographs.images()
    if how == "full disk":
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    reader = images.read if how in ("plain", "full disk") else stopping.Stopping(images.read, how, os.getpid())
    try:
        result = photographs.scan(mode, DecodeSettings(size, size), read=reader)
    except CnnforgeError as error:
        print(type(error).__name__, error)
        sys.exit(error.exit_code)
    print(result.rows.gather(__import__("numpy").arange(len(images))).sum())
"""


@pytest.fixture
def start(tmp_path: Path):
    """Start a scan in a process of its own, as the leader of a group like a job in a terminal."""
    script = tmp_path / "scan_script.py"
    script.write_text(SCAN_SCRIPT, encoding="utf-8")
    (tmp_path / "temporary").mkdir()
    started = []

    def run(photographs: Photographs, how: str = "plain", mode: str = "auto", size: int = 16) -> subprocess.Popen[str]:
        command = [sys.executable, str(script), str(photographs.folder), how, mode, str(size)]
        pipe = subprocess.PIPE
        started.append(
            subprocess.Popen(command, env=environment(), stdout=pipe, stderr=pipe, text=True, start_new_session=True)
        )
        return started[-1]

    yield run
    for process in started:
        with contextlib.suppress(ProcessLookupError):  # the usual case: nothing of the group is left
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Wait for a process and, since they hold its output open, for all processes it started."""
    out, err = process.communicate(timeout=30)
    return process.returncode, out, err


def test_two_processes_at_once_build_one_store(many: Photographs, start) -> None:
    outcomes = [finish(process) for process in [start(many), start(many)]]
    assert [code for code, _, _ in outcomes] == [0, 0], outcomes
    assert len({out for _, out, _ in outcomes}) == 1
    assert set(Counter(many.take_reads()).values()) == {1}
    assert len(stored_names()) == 1


@pytest.mark.parametrize("mode", ["auto", "memory", "off"])
def test_ctrl_c_stops_everything_and_leaves_nothing(many: Photographs, start, tmp_path: Path, mode: str) -> None:
    process = start(many, "hang", mode)
    assert process.stdout.readline() == "hanging\n"
    os.killpg(process.pid, signal.SIGINT)
    code, _, err = finish(process)  # within its time limit, although a read hangs for ever
    assert code == -signal.SIGINT
    assert err.count("Traceback") == 1  # this process's own: the workers are silent
    assert stored_names() == []
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_killed_build_leaves_nothing_that_is_ever_opened(many: Photographs, start) -> None:
    code, _, _ = finish(start(many, "kill"))  # returns when its workers have ended too
    assert code == -signal.SIGKILL
    assert [name for name in stored_names() if not name.startswith(".")] == []
    assert store.list_stores() == []
    assert same_scan(many.scan(), many.scan("memory"))
    assert len(stored_names()) == 1


@pytest.mark.parametrize("mode", ["auto", "memory"])
def test_a_full_disk_is_a_storage_error_and_leaves_nothing(
    photographs: Photographs, start, tmp_path: Path, mode: str
) -> None:
    code, out, err = finish(start(photographs, "full disk", mode, size=200))
    assert (code, err) == (6, "")
    assert "StorageError cannot write" in out
    assert stored_names() == []
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_row_that_fits_the_disk_in_part_is_an_error(tmp_path: Path) -> None:
    """The system writes what fits and reports no error at first: half a photograph would be black."""
    program = """
        import resource, sys, numpy
        from pathlib import Path
        from cnnforge.data.workers import write_pixels
        path = Path(sys.argv[1]); path.write_bytes(b"")
        resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))
        try:
            with path.open("r+b") as file:
                write_pixels(file, 0, numpy.zeros((10, 100), numpy.uint8))
                write_pixels(file, 1, numpy.zeros((10, 100), numpy.uint8))
        except OSError as error:
            print(error.strerror)
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(tmp_path / "rows")]
    finished = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=30)
    assert (finished.stdout, finished.stderr) == (f"{os.strerror(errno.EFBIG)}\n", "")


def test_images_that_share_a_location_but_not_their_names_are_told_apart(photographs: Photographs) -> None:
    photographs.scan()
    other: LabelledImages = photographs.images(names=[f"other/{name}" for name in photographs.names])
    photographs.take_reads()
    scan_module.scan(other, SETTINGS, "auto", lambda done, total: None)
    assert len(photographs.take_reads()) == 10
