"""The image store: decoded images on disk, kept from run to run and shared by processes.

A store is a folder ``<cache>/images/<key>`` with ``images.u8`` (every image, uint8, one after the other), the scan's
columns and ``store.json``. The key is a hash of the decoding settings and of every image's name and signature, so a
changed photograph or setting is another store. It is built beside under a temporary name, by one process at a time,
and renamed into place. When the stores outgrow their limit, the least recently used go first.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import filelock
import numpy as np
import platformdirs

from cnnforge import files
from cnnforge.data.decode import DecodeSettings
from cnnforge.errors import RecipeError

FORMAT_VERSION = 1
IMAGES = "images.u8"
_DESCRIPTION = "store.json"
_IDENTITIES = "identities.npy"
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


def cache_dir() -> Path:
    """Return the user's cache folder for CNNForge; ``CNNFORGE_CACHE_DIR`` overrides it."""
    chosen = os.environ.get("CNNFORGE_CACHE_DIR")
    return Path(chosen).expanduser() if chosen else platformdirs.user_cache_path("cnnforge", appauthor=False)


def stores_dir() -> Path:
    """Return the folder that holds all image stores."""
    return cache_dir() / "images"


def limit_bytes() -> int:
    """Return how many bytes all stores together may take: ``CNNFORGE_CACHE_GB``, else half of what the disk has free.

    Raises:
        RecipeError: ``CNNFORGE_CACHE_GB`` is no number.
    """
    chosen = os.environ.get("CNNFORGE_CACHE_GB")
    if chosen is None:
        return int((_free_bytes() + sum(info.num_bytes for info in list_stores())) * _FREE_SHARE)
    try:
        return int(float(chosen) * 1e9)
    except ValueError:
        raise RecipeError(f"expected a number of gigabytes, received CNNFORGE_CACHE_GB={chosen}") from None


def identities(names: Sequence[str], signatures: Sequence[str]) -> np.ndarray:
    """Return 16 bytes for each image that change with its name or signature, shape (images, 16), uint8."""
    joined = b"".join(
        hashlib.blake2b(f"{name}\0{signature}".encode("utf-8", "surrogatepass"), digest_size=16).digest()
        for name, signature in zip(names, signatures, strict=True)
    )
    return np.frombuffer(joined, np.uint8).reshape(-1, 16)


def settings_key(settings: DecodeSettings) -> str:
    """Return the decoding settings as one text."""
    return json.dumps({"format": FORMAT_VERSION, **asdict(settings)}, sort_keys=True)


def store_key(settings: DecodeSettings, image_identities: np.ndarray, *, has_pixels: bool) -> str:
    """Return the name of the store for those images under those settings."""
    digest = hashlib.blake2b(settings_key(settings).encode(), digest_size=12)
    digest.update(b"pixels" if has_pixels else b"scan only")
    digest.update(image_identities.tobytes())
    return digest.hexdigest()


def list_stores() -> list[StoreInfo]:
    """Return the finished stores, the least recently used first."""
    found = [_describe(path.parent) for path in stores_dir().glob(f"*/{_DESCRIPTION}")]
    return sorted((info for info in found if info), key=lambda info: info.last_used)


def remove(info: StoreInfo) -> None:
    """Delete a store: renamed first, so that nobody opens half of one."""
    doomed = info.path.with_name(f".{info.path.name}.removed-{os.getpid()}")
    with files.storage_errors(info.path):
        info.path.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)


def make_room(num_bytes: int) -> bool:
    """Delete the least recently used stores until ``num_bytes`` more fit the limit; False if they never will."""
    limit = limit_bytes()
    if num_bytes > limit:
        return False
    stores = list_stores()
    while stores and sum(info.num_bytes for info in stores) + num_bytes > limit:
        remove(stores.pop(0))
    return num_bytes <= _free_bytes()


def find(key: str) -> Path | None:
    """Return the folder of a finished store and note its use, or None."""
    path = stores_dir() / key
    try:
        os.utime(path / _DESCRIPTION)
    except FileNotFoundError:
        return None
    except PermissionError:
        pass  # a cache shared read-only: its use cannot be noted, and need not be
    return path


def find_similar(location: str, settings: DecodeSettings) -> tuple[Path, np.ndarray] | None:
    """Return the latest store of the same origin and settings with its identities, to take over what is unchanged."""
    wanted = settings_key(settings)
    for info in reversed(list_stores()):
        if (info.location, info.settings) == (location, wanted) and (info.path / IMAGES).exists():
            return info.path, np.load(info.path / _IDENTITIES, allow_pickle=False)
    return None


@contextmanager
def building(key: str, location: str, settings: DecodeSettings, image_identities: np.ndarray) -> Iterator[Path]:
    """Yield a temporary folder to fill; on success it becomes the store of that key.

    Raises:
        StorageError: The cache cannot be written to.
    """
    folder = stores_dir()
    temporary = folder / f".{key}.building-{os.getpid()}"
    with files.storage_errors(folder):
        temporary.mkdir(parents=True)
        try:
            yield temporary
            np.save(temporary / _IDENTITIES, image_identities, allow_pickle=False)
            description = {
                "location": location,
                "num_images": len(image_identities),
                "settings": settings_key(settings),
            }
            files.write_json(temporary / _DESCRIPTION, description)
            temporary.rename(folder / key)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def locked(key: str) -> Iterator[None]:
    """Hold the lock of one store, so that two runs on the same data decode it once."""
    folder = stores_dir()
    with files.storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / f".{key}.lock")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def remove_leftovers(max_age_seconds: float = 86_400) -> None:
    """Delete what killed processes left half built, once it is a day old."""
    for path in stores_dir().glob(".*.building-*"):
        if time.time() - path.stat().st_mtime > max_age_seconds:
            shutil.rmtree(path, ignore_errors=True)


def _describe(path: Path) -> StoreInfo | None:
    try:
        description = json.loads((path / _DESCRIPTION).read_text(encoding="utf-8"))
        num_bytes = sum(file.stat().st_size for file in path.iterdir())
        last_used = (path / _DESCRIPTION).stat().st_mtime
    except (OSError, ValueError):
        return None  # being removed by another process
    return StoreInfo(
        path, num_bytes, description["num_images"], description["location"], description["settings"], last_used
    )


def _free_bytes() -> int:
    folder = stores_dir()
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free
