"""Pictures of a run inside its report."""

from __future__ import annotations

from pathlib import Path

from cnnforge.report import page

_MEDIA_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}


class Embedded:
    """Pictures of a run directory as URIs, until a length is used up."""

    def __init__(self, folder: Path, max_length: int) -> None:
        self._folder = folder.resolve()
        self._left = max_length

    def uri(self, name: str) -> str:
        """Return a picture; empty if it is none, is too large, or lies anywhere else."""
        path = (self._folder / name).resolve()
        media_type = _MEDIA_TYPES.get(path.suffix.lower())
        if media_type is None or not path.is_relative_to(self._folder) or not path.is_file():
            return ""
        uri = page.data_uri(path.read_bytes(), media_type)
        if len(uri) > self._left:
            return ""
        self._left -= len(uri)
        return uri
