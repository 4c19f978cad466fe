"""Where files belong, and writing them so that no reader ever sees half of one."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import platformdirs

from cnnforge.errors import StorageError

_NUMBERS = re.compile(r"\[\n([-+.\deE,\s]+)\]")  # a line break inside a text is escaped, so it matches no text


def expanded(path: Path | str) -> Path:
    """Return a path with the home folder for its ``~``; that of an unknown user stays as it is, and is not found."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def cache_dir() -> Path:
    """Return the user's cache folder for CNNForge; ``CNNFORGE_CACHE_DIR`` overrides it.

    Raises:
        StorageError: There is neither that nor a home folder.
    """
    override = os.environ.get("CNNFORGE_CACHE_DIR")
    return expanded(override) if override else _of_user(platformdirs.user_cache_path, "CNNFORGE_CACHE_DIR")


def data_dir() -> Path:
    """Return the folder for downloaded data: ``CNNFORGE_DATA_DIR``, or the platform's folder for user data.

    Raises:
        StorageError: There is neither that nor a home folder.
    """
    override = os.environ.get("CNNFORGE_DATA_DIR")
    return expanded(override) if override else _of_user(platformdirs.user_data_path, "CNNFORGE_DATA_DIR")


def _of_user(place: Callable[..., Path], variable: str) -> Path:
    with contextlib.suppress(RuntimeError):
        path = place("cnnforge", appauthor=False)
        if path.is_absolute():  # else it would be a folder called "~": some containers' users have no home
            return path
    raise StorageError("expected a home folder, received none: HOME is not set", hint=_elsewhere(variable))


def _elsewhere(variable: str) -> str:
    return f"name a folder that you may write to: export {variable}=/tmp/cnnforge"


class PathInside:
    """An attribute that is the path of a file or folder inside the one at its owner's ``path``."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, owner: _Folder, kind: type | None = None) -> Path:
        return owner.path / self._name


class _Folder(Protocol):
    @property
    def path(self) -> Path: ...


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's refusal to write into a :class:`StorageError` that names the path."""
    try:
        yield
    except OSError as error:
        hint = "free some space, or choose another folder you may write to"
        for folder, variable in ((cache_dir, "CNNFORGE_CACHE_DIR"), (data_dir, "CNNFORGE_DATA_DIR")):
            with contextlib.suppress(StorageError):
                hint = f"free some space, or {_elsewhere(variable)}" if path.is_relative_to(folder()) else hint
        raise StorageError(f"cannot write {error.filename or path}: {error.strerror or error}", hint=hint) from error


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; on success it is synced and renamed to ``path``.

    The folder is synced too, so that after a power cut there is the old file or the new one, whole.

    Raises:
        StorageError: The folder cannot be written to.
    """
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.stem}-{secrets.token_hex(4)}{path.suffix}")
        temporary.touch(exist_ok=False)
        try:
            yield temporary
            _sync(temporary)
            temporary.replace(path)
            _sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checksum(path: Path) -> str:
    """Return the checksum of a file's content, in hexadecimal: XXH3, against accidents, at the speed of memory.

    Raises:
        OSError: It cannot be read.
    """
    import xxhash

    with path.open("rb") as file:
        return hashlib.file_digest(file, xxhash.xxh3_128).hexdigest()


def remove_leftovers(folder: Path) -> None:
    """Delete the temporary files that a killed process left in a folder into which nobody else writes."""
    for path in folder.glob(".*-????????*"):
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside ``path``; on success it is synced and takes that name, else it is removed.

    Raises:
        StorageError: It cannot be written, or there is something of that name already.
    """
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
        temporary.mkdir()
        try:
            yield temporary
            for inner in temporary.rglob("*"):
                _sync(inner)
            temporary.rename(path)
            _sync(path.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, in UTF-8."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, value: Any, *, indent: int | None = 2) -> None:
    """Write a JSON file atomically, indented for people, a list of numbers on one line."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    text = text.encode(errors="backslashreplace").decode()  # JSON holds a file name that is no UTF-8 escaped like this
    write_text(path, _NUMBERS.sub(lambda numbers: f"[{' '.join(numbers[1].split())}]", text) + "\n")


def append_line(path: Path, line: str) -> None:
    """Append a line to a text file and wait until it is on the disk; one that could not be kept is not there.

    Raises:
        StorageError: It cannot be written.
    """
    content = memoryview(f"{line}\n".encode())
    # Unbuffered: what a failing disk did not take must not be tried again when the file is closed.
    with storage_errors(path), path.open("ab", buffering=0) as file:
        start = file.tell()
        try:
            while content:
                content = content[file.write(content) :]
            os.fsync(file.fileno())
        except OSError:
            with contextlib.suppress(OSError):
                file.truncate(start)
            raise


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file.

    Raises:
        StorageError: There is none, or it is damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise StorageError(f"cannot read {path}: {error}") from error
    if not isinstance(content, dict):
        raise StorageError(f"expected a JSON object in {path}, received {type(content).__name__}")
    return content


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file that has one on each line, passing damaged lines; nothing if there is no file."""
    if path.is_file():
        with path.open(encoding="utf-8", errors="replace") as lines:
            yield from (value for line in lines if (value := _parse(line)))


def _parse(line: str) -> dict[str, Any]:
    """Return the object on a line; a run that was killed may leave half a last line, which says nothing."""
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _sync(path: Path) -> None:
    if path.is_dir() and os.name == "nt":
        return  # Windows cannot open a folder, and makes renames durable itself
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
