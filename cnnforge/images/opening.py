"""The files of a folder or a zip archive that may be photographs, listed once and read in place."""

from __future__ import annotations

from pathlib import Path

from cnnforge.errors import DataError
from cnnforge.images.listing import ImageFile, ImageFiles
from cnnforge.images.names import natural_key
from cnnforge.system import expanded

__all__ = ["ImageFile", "ImageFiles", "natural_key", "open_files"]


def open_files(path: Path, *, follow_links: bool = False) -> ImageFiles:
    """Return the files of a folder or of a zip archive that may be photographs.

    Content decides what is an image, so a file is listed whatever its extension, unless it plainly is something else
    (``Thumbs.db``, ``notes.txt``). An archive is read in place. A zip archive inside it is looked into, one level deep,
    and is unpacked once into the cache.

    Args:
        path: The folder or archive; ``~`` is the home folder.
        follow_links: Follow symbolic links in a folder, each real file once.

    Raises:
        DataError: There is no such path, it cannot be read, or the archive is damaged or unsafe.
    """
    path = expanded(path)
    try:
        is_folder = path.is_dir()
        if not is_folder and not path.exists():
            raise DataError(
                f"expected a folder or zip archive, received path={path}, which does not exist",
                hint="check the spelling of --data",
            )
    except (OSError, ValueError) as error:  # a name with a null character, a folder one may not enter
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"expected a folder or zip archive, received path={str(path)!r}: {reason}") from error
    # Imported here, so that commands that look at no files start without them.
    if is_folder:
        from cnnforge.images.folder import open_folder

        return open_folder(path, follow_links=follow_links)
    from cnnforge.images.archive import open_archive

    return open_archive(path)
