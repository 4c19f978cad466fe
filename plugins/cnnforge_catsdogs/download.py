"""Microsoft's archive of 25,000 cats and dogs: where it is, and where it is kept."""

from __future__ import annotations

from pathlib import Path

from cnnforge.system import DownloadProgress, data_dir
from cnnforge_catsdogs.fetching import RemoteFile, fetch

ARCHIVE = RemoteFile(
    name="kagglecatsanddogs_5340.zip",
    urls=(
        "https://download.microsoft.com/download/3/E/1/3E1C3F21-ECDB-4869-8368-6DEBA77B919F/kagglecatsanddogs_5340.zip",
    ),
    size=824_887_076,
    sha256="b7974bd00a84a99921f36ee4403f089853777b5ae8d151c76a86e64900334af9",
)


def downloaded_path() -> Path:
    """Return where the archive is kept, whether it is there or not."""
    return data_dir() / "catsdogs" / ARCHIVE.name


def download(*, progress: DownloadProgress) -> Path:
    """Fetch the archive, unless it is there already, and return its path.

    Args:
        progress: Called with the bytes there are and the bytes there will be.

    Raises:
        DataError: No mirror gave the right file.
        StorageError: It cannot be written.
    """
    return fetch(ARCHIVE, downloaded_path(), progress=progress)
