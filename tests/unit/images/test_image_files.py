"""Files in folders and archives: what is listed, what is left out and why, what is refused, what is read."""

from __future__ import annotations

import io
import multiprocessing
import os
import pickle
import random
import socket
import stat
import struct
import tarfile
import tempfile
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from cnnforge import ImageFiles, cache_dir, open_files
from cnnforge.errors import DataError
from cnnforge.images import archive as archive_module, folder as folder_module, zip_directory
from cnnforge.images.names import escape, natural_key, unescape


def may_read_everything() -> bool:
    """Whether permissions do not bind this process, as they do not bind the superuser."""
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).chmod(0)
        return os.access(file.name, os.R_OK)


needs_permissions = pytest.mark.skipif(may_read_everything(), reason="the superuser may read everything")
needs_posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX files")


def names(files: ImageFiles) -> list[str]:
    return [file.name for file in files.files]


def reasons(files: ImageFiles) -> dict[str, str]:
    return {left.name: left.reason for left in files.left_out}


def faults(files: ImageFiles) -> set[str]:
    return {left.name for left in files.left_out if left.is_fault}


def write(root: Path, contents: dict[str, bytes]) -> Path:
    for name, content in contents.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def write_zip(path: Path, contents: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def zipped(contents: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return buffer.getvalue()


LITTER = {
    "Thumbs.db": "left by the operating system",
    "desktop.ini": "left by the operating system",
    "._0.jpg": "left by the operating system",
    ".DS_Store": "hidden file",
    ".hidden.jpg": "hidden file",
    "notes.txt": "a .txt file is no photograph",
    "labels.CSV": "a .csv file is no photograph",
    "inner.zip": "an archive inside the data is not looked into",
}
LITTER_FOLDERS = {
    "__MACOSX/cat/1.jpg": ("__MACOSX", "folder left by the operating system"),
    ".ipynb_checkpoints/1.jpg": (".ipynb_checkpoints", "hidden folder"),
    "cat/.hidden/deep/1.jpg": ("cat/.hidden", "hidden folder"),
}


class TestFolder:
    def test_lists_every_file_in_natural_order_whatever_its_extension(self, tmp_path: Path) -> None:
        write(tmp_path, {"cat/10.jpg": b"a", "cat/2.JPG": b"b", "cat/1": b"c", "dog/sub/x.webp": b"d", "z.odd": b""})
        files = open_files(tmp_path)
        assert names(files) == ["cat/1", "cat/2.JPG", "cat/10.jpg", "dog/sub/x.webp", "z.odd"]
        assert files.read("dog/sub/x.webp") == b"d"
        assert files.folders == ("", "cat", "dog", "dog/sub")
        assert files.location == str(tmp_path)

    def test_a_folder_called_like_an_image_is_a_folder(self, tmp_path: Path) -> None:
        assert names(open_files(write(tmp_path, {"d.jpg/1.jpg": b"a"}))) == ["d.jpg/1.jpg"]

    def test_a_signature_changes_with_the_content_only(self, tmp_path: Path) -> None:
        path = write(tmp_path, {"1.jpg": b"a", "2.jpg": b"b"}) / "1.jpg"
        before = open_files(tmp_path).files
        assert open_files(tmp_path).files == before
        status = path.stat()
        path.write_bytes(b"c")
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
        after = open_files(tmp_path).files
        assert after[0].signature != before[0].signature
        assert after[1] == before[1]

    @pytest.mark.parametrize(("name", "reason"), LITTER.items())
    def test_litter_is_left_out_without_fault(self, tmp_path: Path, name: str, reason: str) -> None:
        files = open_files(write(tmp_path, {f"cat/{name}": b"x", "cat/1.jpg": b"a"}))
        assert names(files) == ["cat/1.jpg"]
        assert reasons(files) == {f"cat/{name}": reason}
        assert faults(files) == set()

    @pytest.mark.parametrize(("name", "expected"), LITTER_FOLDERS.items())
    def test_litter_folders_are_not_entered(self, tmp_path: Path, name: str, expected: tuple[str, str]) -> None:
        files = open_files(write(tmp_path, {name: b"x", "cat/1.jpg": b"a"}))
        assert names(files) == ["cat/1.jpg"]
        assert reasons(files) == dict([expected])
        assert expected[0] not in files.folders

    @needs_posix
    @pytest.mark.parametrize(
        "name",
        ["😀 party.jpg", "#%'\".jpg", "new\nline.jpg", "-rf.jpg", "x" * 251 + ".jpg", "\u202egpj.exe.jpg", "a\\b.jpg"],
    )
    def test_odd_names_are_listed_and_read(self, tmp_path: Path, name: str) -> None:
        files = open_files(write(tmp_path, {name: b"content"}))
        assert names(files) == [name]
        assert files.read(name) == b"content"

    @pytest.mark.skipif(os.name == "nt" or os.uname().sysname == "Darwin", reason="names are always Unicode here")
    def test_a_name_that_is_not_utf8_becomes_text_and_is_read(self, tmp_path: Path) -> None:
        folder = tmp_path / os.fsdecode(b"caf\xe9")
        write(folder, {os.fsdecode(name): name for name in (b"\xff.jpg", rb"\udcff.jpg")})
        files = open_files(tmp_path)
        assert names(files) == [r"caf\udce9/\u005cudcff.jpg", r"caf\udce9/\udcff.jpg"]
        assert [files.read(name) for name in names(files)] == [rb"\udcff.jpg", b"\xff.jpg"]
        "".join([*names(files), *files.folders]).encode("utf-8")  # raises for what is no valid text

    @needs_posix
    def test_only_regular_files_are_listed_and_nothing_else_is_opened(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "fifo.jpg")
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(os.path.relpath(tmp_path / "socket.jpg"))
        (tmp_path / "zero.jpg").symlink_to("/dev/zero")
        write(tmp_path, {"1.jpg": b"a"})
        start = time.monotonic()
        files = open_files(tmp_path, follow_links=True)
        assert time.monotonic() - start < 1
        assert names(files) == ["1.jpg"]
        assert reasons(files) == {
            "fifo.jpg": "a named pipe, not a regular file",
            "socket.jpg": "a socket, not a regular file",
            "zero.jpg": "a device, not a regular file",
        }
        assert faults(files) == {"fifo.jpg", "socket.jpg", "zero.jpg"}

    def test_a_file_too_large_for_a_photograph_is_left_out(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(folder_module, "MAX_FILE_BYTES", 10)
        files = open_files(write(tmp_path, {"large.jpg": b"x" * 11, "small.jpg": b"x" * 10}))
        assert names(files) == ["small.jpg"]
        assert faults(files) == {"large.jpg"}
        write(tmp_path, {"small.jpg": b"x" * 11})
        with pytest.raises(ValueError, match="larger than"):
            files.read("small.jpg")

    @pytest.mark.parametrize("path", ["missing", "nul\0", "x" * 300])
    def test_a_path_that_does_not_exist_is_refused(self, tmp_path: Path, path: str) -> None:
        with pytest.raises(DataError, match="expected a folder or zip archive, received path="):
            open_files(tmp_path / path)

    def test_many_files_are_listed_fast(self, tmp_path: Path) -> None:
        for folder in range(200):
            (tmp_path / str(folder)).mkdir()
            for number in range(10):
                (tmp_path / f"{folder}/{number}.jpg").touch()
        start = time.process_time()
        assert len(open_files(tmp_path).files) == 2000
        assert time.process_time() - start < 1  # so 100,000 files take well below a minute on any machine


@needs_posix
class TestLinks:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        outside = write(tmp_path / "outside", {"o1.jpg": b"o1", "o2.jpg": b"o2"})
        root = write(tmp_path / "root", {"cat/1.jpg": b"a"})
        (root / "loop").symlink_to(root)
        (root / "cat/up").symlink_to("..")
        (root / "self").symlink_to("self")
        (root / "dangling.jpg").symlink_to("nowhere.jpg")
        (root / "again.jpg").symlink_to("cat/1.jpg")
        (root / "a-folder").symlink_to(outside)
        (root / "b-file.jpg").symlink_to(outside / "o1.jpg")
        (root / "above").symlink_to(tmp_path)
        return root

    def test_links_are_not_followed_and_reported(self, root: Path) -> None:
        files = open_files(root)
        assert names(files) == ["cat/1.jpg"]
        assert faults(files) == {
            "loop", "cat/up", "self", "dangling.jpg", "again.jpg", "a-folder", "b-file.jpg", "above"
        }  # fmt: skip

    def test_followed_links_give_every_real_file_once(self, root: Path) -> None:
        files = open_files(root, follow_links=True)
        assert sorted(files.read(name) for name in names(files)) == [b"a", b"o1", b"o2"]
        assert names(files) == ["a-folder/o2.jpg", "b-file.jpg", "cat/1.jpg"]
        assert faults(files) == {"self", "dangling.jpg"}

    def test_a_link_to_a_hidden_folder_is_followed(self, tmp_path: Path) -> None:
        write(tmp_path / "root/.store", {"1.jpg": b"a"})
        (tmp_path / "root/cat").symlink_to(".store")
        assert names(open_files(tmp_path / "root", follow_links=True)) == ["cat/1.jpg"]

    def test_the_folder_itself_may_be_a_link(self, root: Path, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(root)
        assert names(open_files(tmp_path / "link")) == ["cat/1.jpg"]


class TestReadingAFolder:
    @needs_permissions
    def test_what_may_not_be_read_says_so(self, tmp_path: Path) -> None:
        write(tmp_path, {"1.jpg": b"a", "closed/2.jpg": b"b"})
        (tmp_path / "1.jpg").chmod(0)
        (tmp_path / "closed").chmod(0)
        try:
            files = open_files(tmp_path)
            assert reasons(files) == {"closed": "permission denied"}
            assert faults(files) == {"closed"}
            with pytest.raises(OSError, match=r"^permission denied$"):
                files.read("1.jpg")
            with pytest.raises(DataError, match="permission denied"):
                open_files(tmp_path / "closed")
            with pytest.raises(DataError, match="permission denied"):
                open_files(tmp_path / "1.jpg")
        finally:
            (tmp_path / "closed").chmod(stat.S_IRWXU)

    @needs_posix
    def test_a_file_deleted_or_replaced_since_is_an_error_not_a_hang(self, tmp_path: Path) -> None:
        write(tmp_path, {"1.jpg": b"a", "2.jpg": b"b"})
        files = open_files(tmp_path)
        (tmp_path / "1.jpg").unlink()
        with pytest.raises(FileNotFoundError, match=r"^no such file or directory$"):
            files.read("1.jpg")
        (tmp_path / "2.jpg").unlink()
        os.mkfifo(tmp_path / "2.jpg")
        with pytest.raises(ValueError, match="not a regular file"):
            files.read("2.jpg")

    def test_a_reader_by_index_can_be_sent_to_another_process(self, tmp_path: Path) -> None:
        files = open_files(write(tmp_path, {"1.jpg": b"a", "2.jpg": b"b"}))
        read = pickle.loads(pickle.dumps(files.reader(["2.jpg", "1.jpg"])))
        assert [read(0), read(1)] == [b"b", b"a"]


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
class TestArchive:
    def test_members_are_listed_and_read_in_place(self, tmp_path: Path, compression: int) -> None:
        contents = {"cat/10.jpg": b"a" * 500, "cat/2.jpg": b"", "dog/é.jpg": os.urandom(3000)}
        path = write_zip(tmp_path / "a.zip", contents, compression)
        files = open_files(path)
        assert names(files) == ["cat/2.jpg", "cat/10.jpg", "dog/é.jpg"]
        assert {name: files.read(name) for name in names(files)} == contents
        assert files.folders == ("", "cat", "dog")
        assert list(tmp_path.iterdir()) == [path]

    def test_litter_is_left_out_and_empty_folders_are_seen(self, tmp_path: Path, compression: int) -> None:
        litter = {f"cat/{name}": b"x" for name in LITTER if name != "inner.zip"} | dict.fromkeys(LITTER_FOLDERS, b"x")
        files = open_files(write_zip(tmp_path / "a.zip", {"cat/1.jpg": b"a", "dog/": b"", **litter}, compression))
        expected = {f"cat/{name}": reason for name, reason in LITTER.items() if name != "inner.zip"}
        assert names(files) == ["cat/1.jpg"]
        assert reasons(files) == expected | dict(LITTER_FOLDERS.values())
        assert faults(files) == set()
        assert files.folders == ("", "cat", "dog")

    def test_members_with_long_extra_fields_are_read(self, tmp_path: Path, compression: int) -> None:
        info = zipfile.ZipInfo("1.jpg")
        info.compress_type = compression
        info.extra = struct.pack("<HH", 0x9999, 4000) + bytes(4000)
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.writestr(info, b"content" * 100)
        assert open_files(tmp_path / "a.zip").read("1.jpg") == b"content" * 100

    def test_bytes_before_the_archive_do_no_harm(self, tmp_path: Path, compression: int) -> None:
        path = tmp_path / "self-extracting.zip"
        path.write_bytes(b"#!/bin/sh\n" * 100 + zipped({"1.jpg": b"a", "2.jpg": b"b"}, compression))
        files = open_files(path)
        assert [files.read(name) for name in names(files)] == [b"a", b"b"]

    def test_an_archive_in_the_archive_is_unpacked_once(self, tmp_path: Path, compression: int) -> None:
        inner = {f"train/cat.{i}.jpg": random.Random(i).randbytes(1000) for i in range(30)}
        deeper = zipped({"3.jpg": b"c"})
        outer = {
            "train.zip": zipped({**inner, "deeper.zip": deeper}, zipfile.ZIP_DEFLATED),
            "test1.zip": zipped({"test1/1.jpg": b"t"}),
            "sampleSubmission.csv": b"id,label",
        }
        files = open_files(write_zip(tmp_path / "dogs-vs-cats.zip", outer, compression))
        expected = {f"train.zip/{name}": content for name, content in inner.items()} | {"test1.zip/test1/1.jpg": b"t"}
        shuffled = random.Random(0).sample(names(files), len(expected))
        read = pickle.loads(pickle.dumps(files.read))
        assert {name: read(name) for name in shuffled} == expected
        assert reasons(files)["train.zip/deeper.zip"] == "an archive inside the data is not looked into"
        assert "train.zip/train" in files.folders
        copies = {copy: copy.stat().st_mtime_ns for copy in (cache_dir() / "archives").glob("*.zip")}
        assert len(copies) == 2
        open_files(tmp_path / "dogs-vs-cats.zip")
        assert {copy: copy.stat().st_mtime_ns for copy in (cache_dir() / "archives").glob("*.zip")} == copies

    def test_a_damaged_copy_of_an_inner_archive_is_made_again(self, tmp_path: Path, compression: int) -> None:
        outer = write_zip(tmp_path / "a.zip", {"inner.zip": zipped({"1.jpg": b"a" * 999})}, compression)
        open_files(outer)
        (copy,) = (cache_dir() / "archives").glob("*.zip")
        sound = copy.read_bytes()
        for damaged in (bytes(len(sound)), sound.replace(b"1.jpg", b"2.jpg"), sound[:-1] + b"x"):
            copy.write_bytes(damaged)
            assert names(open_files(outer)) == ["inner.zip/1.jpg"]
            assert copy.read_bytes() == sound

    def test_reads_from_many_threads_agree(self, tmp_path: Path, compression: int) -> None:
        inner = zipped({f"{i}.jpg": random.Random(i).randbytes(5000) for i in range(50)}, zipfile.ZIP_DEFLATED)
        files = open_files(write_zip(tmp_path / "a.zip", {"train.zip": inner}, compression))
        wanted = names(files) * 4
        with ThreadPoolExecutor(4) as executor:
            got = list(executor.map(files.read, wanted))
        assert got == [random.Random(i).randbytes(5000) for i in range(50)] * 4


def attributes(mode: int) -> Callable[[zipfile.ZipInfo], None]:
    def change(info: zipfile.ZipInfo) -> None:
        info.create_system, info.external_attr = 3, mode << 16

    return change


def archive_with(path: Path, name: str, change: Callable[[zipfile.ZipInfo], None] = lambda info: None) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("good.jpg", b"a")
        info = zipfile.ZipInfo("x")
        change(info)
        info.filename = name
        archive.writestr(info, b"content")
    return path


REFUSED_MEMBERS = {
    "ARC01 traversal": ("../../evil.jpg", None, "leads out of the archive"),
    "ARC01 traversal within": ("a/../../evil.jpg", None, "leads out of the archive"),
    "ARC02 absolute": ("/etc/evil.jpg", None, "has an absolute path"),
    "ARC03 backslash": ("..\\..\\x.jpg", None, "has a backslash in its name"),
    "ARC04 drive": ("C:x.jpg", None, "has an absolute path"),
    "ARC05 link": ("link.jpg", stat.S_IFLNK | 0o777, "is a link"),
    "ARC07 device": ("device.jpg", stat.S_IFCHR | 0o666, "is a device"),
    "ARC07 named pipe": ("fifo.jpg", stat.S_IFIFO | 0o666, "is a device"),
    "ARC13 twice": ("./good.jpg", None, "have one name"),
    "ARC13 letter case": ("GOOD.jpg", None, "have one name"),
}


@pytest.mark.parametrize(("name", "mode", "reason"), REFUSED_MEMBERS.values(), ids=REFUSED_MEMBERS)
def test_an_archive_with_an_unsafe_member_is_refused_by_name(
    tmp_path: Path, name: str, mode: int | None, reason: str
) -> None:
    path = archive_with(tmp_path / "a.zip", name, attributes(mode) if mode else lambda info: None)
    with pytest.raises(DataError, match=reason) as caught:
        open_files(path)
    assert repr(name) in str(caught.value)
    assert list(tmp_path.iterdir()) == [path]


def test_names_that_are_one_to_unicode_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'caf\\xe9.jpg' and 'cafe\\u0301.jpg' have one name, .* Unicode"):
        open_files(write_zip(tmp_path / "a.zip", {"caf\u00e9.jpg": b"a", "cafe\u0301.jpg": b"b"}))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_stored_name_are_refused_whatever_they_were_meant_to_be(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("\u732b.jpg", "\u72ac.jpg"):
            info = zipfile.ZipInfo("?.jpg")
            info.extra = unicode_path(name, b"?.jpg")
            archive.writestr(info, name)
    with pytest.raises(DataError, match="have one name"):
        open_files(tmp_path / "a.zip")


def renamed_member(path: Path, raw: bytes, extra: bytes = b"") -> Path:
    """Write an archive whose one member has that name, byte for byte, without the flag that says UTF-8."""
    placeholder = b"x" * len(raw)
    info = zipfile.ZipInfo(placeholder.decode())
    info.extra = extra
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, b"content")
    path.write_bytes(path.read_bytes().replace(placeholder, raw))
    return path


def unicode_path(name: str, raw: bytes) -> bytes:
    value = struct.pack("<BL", 1, zlib.crc32(raw)) + name.encode()
    return struct.pack("<HH", 0x7075, len(value)) + value


@pytest.mark.parametrize(
    ("raw", "extra", "expected"),
    [
        ("caf\u00e9/1.jpg".encode(), b"", "caf\u00e9/1.jpg"),
        ("\u732b/1.jpg".encode(), b"", "\u732b/1.jpg"),
        ("cafe\u0301/1.jpg".encode(), b"", "cafe\u0301/1.jpg"),
        ("caf\u00e9/1.jpg".encode("cp437"), b"", "caf\u00e9/1.jpg"),
        (b"??/1.jpg", unicode_path("\u732b\u72ac/1.jpg", b"??/1.jpg"), "\u732b\u72ac/1.jpg"),
        (b"caf\x82/1.jpg", unicode_path("CAF\u00c9/1.jpg", b"caf\x82/1.jpg"), "CAF\u00c9/1.jpg"),
        (b"new/1.jpg", unicode_path("old/1.jpg", b"old?/1.jpg"), "new/1.jpg"),
        (b"a/1.jpg", b"UT\x05\x00\x01\x00\x00\x00\x00", "a/1.jpg"),
    ],
)
def test_a_name_without_the_utf8_flag_is_decoded_as_it_was_meant(
    tmp_path: Path, raw: bytes, extra: bytes, expected: str
) -> None:
    files = open_files(renamed_member(tmp_path / "a.zip", raw, extra))
    assert [file.name for file in files.files] == [expected]
    assert files.read(expected) == b"content"
    assert pickle.loads(pickle.dumps(files.read))(expected) == b"content"


def test_a_name_that_is_unsafe_as_it_was_meant_is_refused(tmp_path: Path) -> None:
    raw = b"good/1.jpg"
    with pytest.raises(DataError, match="leads out of the archive"):
        open_files(renamed_member(tmp_path / "a.zip", raw, unicode_path("../../evil.jpg", raw)))


def test_an_encrypted_archive_is_refused(tmp_path: Path) -> None:
    content = bytearray(zipped({"1.jpg": b"a"}))
    content[content.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(DataError, match=r"'1\.jpg' is encrypted"):
        open_files(tmp_path / "a.zip")


def tarred() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("hard.jpg")
        info.type, info.linkname = tarfile.LNKTYPE, "/etc/passwd"
        archive.addfile(info)
    return buffer.getvalue()


NO_ZIPS: dict[str, tuple[bytes, str]] = {
    "ARC06 ARC16 tar with a hard link": (tarred(), "a tar archive"),
    "ARC16 gzip": (b"\x1f\x8b\x08rest", "gzip"),
    "ARC16 bzip2": (b"BZh9rest", "bzip2"),
    "ARC16 xz": (b"\xfd7zXZ\x00", "xz"),
    "ARC16 rar": (b"Rar!\x1a\x07\x00", "a RAR archive"),
    "ARC16 7z": (b"7z\xbc\xaf\x27\x1crest", "a 7-Zip archive"),
    "ARC15 web page": (b"\n <!DOCTYPE html><html>Please log in</html>", "a web page"),
    "DIR03 a photograph": (b"\xff\xd8\xff\xe0JFIF", "a plain file"),
    "empty file": (b"", "an empty file"),
    "ARC08 cut at half": (zipped({f"{i}.jpg": b"x" * 100 for i in range(9)})[:900], "a zip archive that is cut off"),
    "ARC09 last 30 bytes cut": (zipped({"1.jpg": b"x" * 100})[:-30], "a zip archive that is cut off"),
}


@pytest.mark.parametrize(("content", "kind"), NO_ZIPS.values(), ids=NO_ZIPS)
def test_what_is_no_zip_archive_is_refused_for_what_it_is(tmp_path: Path, content: bytes, kind: str) -> None:
    (tmp_path / "data.zip").write_bytes(content)
    with pytest.raises(DataError, match=kind) as caught:
        open_files(tmp_path / "data.zip")
    assert caught.value.hint


def test_an_archive_in_the_archive_that_is_none_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.zip/train\.zip: a web page"):
        open_files(write_zip(tmp_path / "a.zip", {"train.zip": b"<html>"}))


def test_a_damaged_member_is_an_error_when_read(tmp_path: Path) -> None:
    content = zipped({"1.jpg": b"first content", "2.jpg": b"second content"})
    (tmp_path / "a.zip").write_bytes(content.replace(b"first", b"fIrst"))
    files = open_files(tmp_path / "a.zip")
    with pytest.raises(ValueError, match="bad CRC: the archive is damaged"):
        files.read("1.jpg")
    assert files.read("2.jpg") == b"second content"


def test_a_member_that_is_not_where_it_should_be_is_an_error_when_read(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped({"1.jpg": b"a"}).replace(b"PK\x03\x04", b"PK\x03\x05"))
    with pytest.raises(ValueError, match="damaged"):
        open_files(tmp_path / "a.zip").read("1.jpg")


def test_a_process_that_was_forked_reads_with_a_file_of_its_own(tmp_path: Path) -> None:
    contents = {f"{i}.jpg": random.Random(i).randbytes(5000) for i in range(50)}
    files = open_files(write_zip(tmp_path / "a.zip", contents))
    with ProcessPoolExecutor(2, multiprocessing.get_context("fork"), lambda: globals().update(READ=files.read)) as pool:
        elsewhere = pool.map(_read_again, names(files) * 4)
        assert [files.read(name) for name in names(files) * 4] == list(elsewhere) == list(contents.values()) * 4


def _read_again(name: str) -> bytes:
    return globals()["READ"](name)


def test_an_archive_that_is_another_since_it_was_listed_is_an_error_when_read(tmp_path: Path) -> None:
    files = open_files(write_zip(tmp_path / "a.zip", {"1.jpg": b"a", "2.jpg": b"b"}))
    read = pickle.loads(pickle.dumps(files.read))
    write_zip(tmp_path / "a.zip", {"1.jpg": b"another"})
    with pytest.raises(ValueError, match="not what it was when the archive was listed"):
        read("1.jpg")
    with pytest.raises(ValueError, match="no longer in the archive"):
        read("2.jpg")


def test_an_inner_archive_that_no_disk_holds_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_zip(tmp_path / "a.zip", {"train.zip": zipped({"1.jpg": b"a"})})
    monkeypatch.setattr(archive_module.shutil, "disk_usage", lambda path: SimpleNamespace(free=10))
    with pytest.raises(DataError, match=r"bytes of space in .*archives for train\.zip"):
        open_files(path)
    assert not list((cache_dir() / "archives").glob("*.zip"))


def test_damage_anywhere_is_a_data_error_or_an_error_when_read(tmp_path: Path) -> None:
    inner = zipped({"2.jpg": b"b" * 90}, zipfile.ZIP_DEFLATED)
    whole = zipped({"cat/1.jpg": b"a" * 300, "in.zip": inner}, zipfile.ZIP_DEFLATED)
    generator = random.Random(0)
    outcomes = {"refused": 0, "unreadable": 0, "read": 0}
    for _ in range(600):
        content = bytearray(whole)
        for _ in range(generator.randint(1, 3)):
            content[generator.randrange(len(content))] = generator.randrange(256)
        (tmp_path / "a.zip").write_bytes(content)
        try:
            files = open_files(tmp_path / "a.zip")
        except DataError:
            outcomes["refused"] += 1
            continue
        for name in names(files):
            try:
                assert files.read(name) in (b"a" * 300, b"b" * 90, inner)  # damage to a name hides that it is a zip
                outcomes["read"] += 1
            except ValueError:
                outcomes["unreadable"] += 1
    assert min(outcomes.values()) > 20, outcomes


class TestBombs:
    def test_a_member_that_grows_too_much_is_left_out(self, tmp_path: Path) -> None:
        bomb = {"bomb.jpg": bytes(5 * 2**20), "small.jpg": bytes(1000), "good.jpg": os.urandom(2**20 + 1)}
        files = open_files(write_zip(tmp_path / "a.zip", bomb, zipfile.ZIP_DEFLATED))
        assert names(files) == ["good.jpg", "small.jpg"]
        assert "a zip bomb" in reasons(files)["bomb.jpg"]
        assert faults(files) == {"bomb.jpg"}

    def test_a_nested_bomb_is_left_out(self, tmp_path: Path) -> None:
        inner = zipped({"0.jpg": bytes(40 * 2**20)}, zipfile.ZIP_DEFLATED)
        files = open_files(write_zip(tmp_path / "a.zip", {"x.zip": inner, "1.jpg": b"a"}, zipfile.ZIP_DEFLATED))
        assert names(files) == ["1.jpg"]
        assert faults(files) == {"x.zip/0.jpg"}

    def test_a_member_declared_too_large_is_left_out(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(archive_module, "MAX_FILE_BYTES", 10)
        files = open_files(write_zip(tmp_path / "a.zip", {"large.jpg": b"x" * 11, "small.jpg": b"x" * 10}))
        assert names(files) == ["small.jpg"]
        assert faults(files) == {"large.jpg"}

    def test_a_member_that_holds_more_than_it_declares_is_not_read_further(self, tmp_path: Path) -> None:
        content = bytearray(zipped({"1.jpg": bytes(10**6)}, zipfile.ZIP_DEFLATED))
        struct.pack_into("<II", content, content.index(b"PK\x01\x02") + 16, zlib.crc32(bytes(10)), 0)
        at = content.index(b"PK\x01\x02") + 20
        struct.pack_into("<II", content, at, len(zlib.compress(bytes(10**6))) - 6, 10)
        (tmp_path / "a.zip").write_bytes(content)
        files = open_files(tmp_path / "a.zip")
        tracemalloc.start()
        try:
            assert files.read("1.jpg") == bytes(10)
            assert tracemalloc.get_traced_memory()[1] < 200_000
        finally:
            tracemalloc.stop()

    def test_overlapping_members_are_refused(self, tmp_path: Path) -> None:
        content = bytearray(zipped({"1.jpg": bytes(1000), "2.jpg": bytes(1000)}))
        second = content.rindex(b"PK\x01\x02")
        struct.pack_into("<I", content, second + 42, 10)  # its local header lies inside the first member
        (tmp_path / "a.zip").write_bytes(content)
        with pytest.raises(DataError, match="overlap"):
            open_files(tmp_path / "a.zip")

    def test_too_many_members_are_refused_before_they_are_listed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(zip_directory, "MAX_MEMBERS", 2)
        write_zip(tmp_path / "a.zip", {"1.jpg": b"", "2.jpg": b"", "3.jpg": b""})
        monkeypatch.setattr(zip_directory.zipfile, "ZipFile", None)
        with pytest.raises(DataError, match="at most 2 files in an archive"):
            open_files(tmp_path / "a.zip")

    def test_an_unknown_compression_is_a_fault_that_says_what_to_do(self, tmp_path: Path) -> None:
        files = open_files(write_zip(tmp_path / "a.zip", {"1.jpg": b"a" * 100}, zipfile.ZIP_BZIP2))
        assert reasons(files) == {"1.jpg": "compressed by method 12, which is not supported: pack it with deflate"}
        assert faults(files) == {"1.jpg"}


@pytest.mark.parametrize("name", ["plain.jpg", "\udce9.jpg", r"\udce9.jpg", r"\u005c.jpg", r"a\b", "\\\udcff\\"])
def test_an_escaped_name_is_valid_text_and_leads_back(name: str) -> None:
    assert escape(name).encode("utf-8")
    assert unescape(escape(name)) == name


def test_natural_order_takes_digits_as_numbers_of_any_length() -> None:
    ordered = ["01.jpg", "1.jpg", "2.jpg", "10.jpg", f"{'9' * 5000}.jpg", "a", "a1", "a2b", "a10", "a²", "b"]
    assert sorted(set(ordered), key=natural_key) == ordered


@pytest.mark.photographs
def test_the_real_archive_is_read_in_place_and_fast(photographs: Path) -> None:
    files = open_files(photographs / "kagglecatsanddogs_180px.zip")
    assert len(files.files) == 20_001
    assert reasons(files) == dict.fromkeys(
        ("PetImages/Cat/Thumbs.db", "PetImages/Dog/Thumbs.db"), "left by the operating system"
    )
    start = time.process_time()
    total = sum(len(files.read(name)) for name in names(files))
    assert 20_001 / (time.process_time() - start) > 10_000
    assert total == 141_807_884
    assert files.read("PetImages/Cat/666.jpg") == b""


@pytest.mark.photographs
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_kaggles_archive_inside_another_reads_the_same(photographs: Path, tmp_path: Path, compression: int) -> None:
    plain = open_files(photographs / "dogs-vs-cats_original_2000.zip")
    inner = (photographs / "dogs-vs-cats_original_2000.zip").read_bytes()
    nested = open_files(write_zip(tmp_path / "outer.zip", {"train.zip": inner}, compression))
    assert names(nested) == [f"train.zip/{name}" for name in names(plain)]
    for name in random.Random(0).sample(names(plain), 200):
        assert nested.read(f"train.zip/{name}") == plain.read(name)
