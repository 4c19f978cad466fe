"""The image store: decoded images on disk, kept from run to run and shared by processes.

A store is a folder ``<cache>/images/<key>`` with ``images.u8`` (every image, uint8, one after the other), the scan's
columns, among them a checksum of each image's pixels, and ``store.json`` with checksums of itself and of the columns.
The key is a hash of the decoding settings and of every image's name and signature, so a changed photograph or setting
is another store. It is built beside under a temporary name, by one process at a time, and renamed into place. When the
stores outgrow their limit, the least recently used go first. Names that start with a dot are no stores: locks, and
what is being built or removed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import xxhash

from cnnforge.data.decoding import DecodeSettings, decoder_versions
from cnnforge.errors import RecipeError
from cnnforge.system import cache_dir, files

FORMAT_VERSION = 1
IMAGES = "images.u8"
_DESCRIPTION = "store.json"
_IDENTITIES = "identities.npy"
_BUILDING = ".building"
_REMOVED = ".removed"
_FREE_SHARE = 0.5  # of the disk's free space that stores may take when no limit is set


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """A store in the cache: its folder, size in bytes, number of images, origin and time of last use (seconds)."""

    path: Path
    num_bytes: int
    num_images: int
    location: str
    settings: str
    last_used: float


def stores_dir() -> Path:
    """Return the folder that holds all image stores."""
    return cache_dir() / "images"


def features_dir() -> Path:
    """Return the folder that holds the features of frozen backbones."""
    return cache_dir() / "features"


def limit_bytes() -> int:
    """Return how many bytes all stores together may take: ``CNNFORGE_CACHE_GB``, else half of the disk's free space.

    Never more than fit on the disk; what stores take already counts as free.

    Raises:
        RecipeError: ``CNNFORGE_CACHE_GB`` is no number.
    """
    gigabytes = os.environ.get("CNNFORGE_CACHE_GB")
    on_disk = _free_bytes() + sum(info.num_bytes for info in list_stores())
    if gigabytes is None:
        return int(on_disk * _FREE_SHARE)
    try:
        return min(int(float(gigabytes) * 1e9), on_disk)
    except (ValueError, OverflowError):
        raise RecipeError(f"expected a number of gigabytes, received CNNFORGE_CACHE_GB={gigabytes}") from None


def identities(names: Sequence[str], signatures: Sequence[str]) -> np.ndarray:
    """Return 16 bytes for each image that change with its name or signature, shape (images, 16), uint8."""
    joined = b"".join(
        hashlib.blake2b(f"{name}\0{signature}".encode("utf-8", "surrogatepass"), digest_size=16).digest()
        for name, signature in zip(names, signatures, strict=True)
    )
    return np.frombuffer(joined, np.uint8).reshape(-1, 16)


def settings_key(settings: DecodeSettings) -> str:
    """Return what pixels depend on beside the image, as one text: the settings and the decoder's version."""
    return json.dumps({"format": FORMAT_VERSION, "decoders": decoder_versions(), **asdict(settings)}, sort_keys=True)


def store_key(settings: DecodeSettings, image_identities: np.ndarray, *, has_pixels: bool) -> str:
    """Return the name of the store for those images under those settings."""
    digest = hashlib.blake2b(settings_key(settings).encode(), digest_size=12)
    digest.update(b"pixels" if has_pixels else b"scan only")
    digest.update(image_identities.tobytes())
    return digest.hexdigest()


def list_stores() -> list[StoreInfo]:
    """Return the finished stores, the least recently used first."""
    stores = [_describe(path.parent) for path in stores_dir().glob(f"[!.]*/{_DESCRIPTION}")]
    return sorted(filter(None, stores), key=lambda info: info.last_used)


def remove_store(info: StoreInfo) -> bool:
    """Delete a store, unless a process is building it this moment; return whether it is gone.

    It is renamed first, so that nobody opens half of one. A run that has it open reads on.

    Raises:
        StorageError: It cannot be deleted.
    """
    doomed = info.path.with_name(f".{info.path.name}{_REMOVED}")
    lock = _lock(info.path.name)
    with files.storage_errors(info.path), suppress(filelock.Timeout), lock.acquire(blocking=False):
        if info.path.exists():
            shutil.rmtree(doomed, ignore_errors=True)  # what a killed process left
            info.path.rename(doomed)
            shutil.rmtree(doomed, ignore_errors=True)
        return True
    return False


def make_room(num_bytes: int) -> bool:
    """Delete the least recently used stores until ``num_bytes`` more fit the limit; False if they never will."""
    limit = limit_bytes()
    stores = list_stores()
    taken = sum(info.num_bytes for info in stores)
    if num_bytes > limit:
        return False
    for info in stores:
        if taken + num_bytes > limit and remove_store(info):
            taken -= info.num_bytes
    return taken + num_bytes <= limit and num_bytes <= _free_bytes()


def find(key: str) -> Path | None:
    """Return the folder of a finished store and note its use, or None."""
    path = stores_dir() / key
    try:
        os.utime(path / _DESCRIPTION)
    except (FileNotFoundError, NotADirectoryError):
        return None  # or a file stands where the cache should, which making the store will say
    except OSError:
        pass  # a cache shared read-only: its use cannot be noted, and need not be
    return path


def find_similar(location: str, settings: DecodeSettings) -> Iterator[Path]:
    """Yield the stores of the same origin and settings, the latest first, to take over what is unchanged."""
    wanted = settings_key(settings)
    for info in reversed(list_stores()):
        if (info.location, info.settings) == (location, wanted):
            yield info.path


def check(folder: Path) -> None:
    """Check everything in a store but for its pixels.

    Raises:
        StorageError: Its description cannot be read.
        ValueError: A file is not what was written, or there are no checksums to say so.
        OSError: One is missing.
    """
    facts = files.read_json(folder / _DESCRIPTION)
    recorded = facts.pop("checksum", None)
    if recorded is None:
        raise ValueError("an earlier cnnforge wrote it without checksums")
    wrong = [name for name, value in facts.get("checksums", {}).items() if files.checksum(folder / name) != value]
    if wrong or recorded != _checksum(facts):
        raise ValueError(f"its {' and '.join(wrong) or _DESCRIPTION} changed")


def _checksum(facts: dict[str, Any]) -> str:
    return str(xxhash.xxh3_128_hexdigest(json.dumps(facts, sort_keys=True).encode()))


def load_identities(folder: Path) -> np.ndarray:
    """Return the identities of a store's images."""
    image_identities: np.ndarray = np.load(folder / _IDENTITIES, allow_pickle=False)
    return image_identities


@contextmanager
def building(key: str, location: str, settings: DecodeSettings, image_identities: np.ndarray) -> Iterator[Path]:
    """Yield a temporary folder to fill; on success it becomes the store of that key. The caller holds its lock.

    Raises:
        StorageError: The cache cannot be written to.
    """
    folder = stores_dir()
    temporary = folder / f".{key}{_BUILDING}"
    with files.storage_errors(folder):
        shutil.rmtree(temporary, ignore_errors=True)  # what a killed process left
        temporary.mkdir()
        try:
            yield temporary
            _sync(temporary / IMAGES)
            np.save(temporary / _IDENTITIES, image_identities, allow_pickle=False)
            facts = {"location": location, "num_images": len(image_identities), "settings": settings_key(settings)}
            sums = {path.name: files.checksum(path) for path in sorted(temporary.iterdir()) if path.name != IMAGES}
            facts |= {"checksums": sums}
            files.write_json(temporary / _DESCRIPTION, facts | {"checksum": _checksum(facts)})
            shutil.rmtree(folder / key, ignore_errors=True)  # a damaged one, or one that can be completed now
            temporary.rename(folder / key)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _sync(path: Path) -> None:
    """Wait until the pixels are on the disk: after a power cut they could be black, and nothing would notice."""
    if path.exists():
        with path.open("r+b") as file:
            os.fsync(file.fileno())


@contextmanager
def locked(key: str) -> Iterator[None]:
    """Hold the lock of one store, so that two runs on the same data decode it once.

    Raises:
        StorageError: The cache cannot be written to.
    """
    with files.storage_errors(stores_dir()):
        stores_dir().mkdir(parents=True, exist_ok=True)
        with _lock(key):
            yield


def _lock(key: str) -> filelock.BaseFileLock:
    return filelock.FileLock(stores_dir() / f".{key}.lock")


def remove_leftovers() -> None:
    """Delete what killed processes left half built or half removed."""
    for ending in (_BUILDING, _REMOVED):
        for path in stores_dir().glob(f".*{ending}"):
            lock = _lock(path.name.removeprefix(".").removesuffix(ending))
            with suppress(filelock.Timeout), lock.acquire(blocking=False):  # else somebody is at it this moment
                shutil.rmtree(path, ignore_errors=True)


def _describe(path: Path) -> StoreInfo | None:
    try:
        text = (path / _DESCRIPTION).read_text(encoding="utf-8", errors="replace")
        num_bytes = sum(file.stat().st_size for file in path.iterdir())
        last_used = (path / _DESCRIPTION).stat().st_mtime
    except OSError:
        return None  # being removed by another process
    try:
        description = json.loads(text)
        facts = (description["num_images"], description["location"], description["settings"])
    except (ValueError, KeyError, TypeError):
        facts = (0, "damaged", "")  # of no use to anybody, but it takes room and can be removed
    return StoreInfo(path, num_bytes, *facts, last_used)


def _free_bytes() -> int:
    folder = stores_dir()
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free
