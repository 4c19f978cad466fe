"""The journal of a study: an event a line, on the disk before anything else happens. It alone is the truth."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from cnnforge.errors import StorageError
from cnnforge.system import files


class Journal:
    """Appends events, each a JSON object, and reads them again.

    A process that is killed while it writes leaves half a last line, of an event that therefore never happened: it is
    cut off.

    Args:
        path: The file, made with the first event.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> list[dict[str, Any]]:
        """Return all events, having cut off a torn last line.

        Raises:
            StorageError: A line before the last is damaged, or the file cannot be read.
        """
        if not self._path.exists():
            return []
        with files.storage_errors(self._path):
            content = self._path.read_bytes()
            whole, _, torn = content.rpartition(b"\n")
            if torn:
                os.truncate(self._path, len(content) - len(torn))
        return [self._event(number, line) for number, line in enumerate(whole.split(b"\n"), start=1) if whole]

    def append(self, event: str, **facts: Any) -> dict[str, Any]:
        """Write an event and wait until it is on the disk; return it.

        Raises:
            StorageError: It cannot be written.
        """
        line = {"event": event, **facts}
        files.append_line(self._path, json.dumps(line))
        return line

    def _event(self, number: int, line: bytes) -> dict[str, Any]:
        try:
            event = json.loads(line)
            if isinstance(event, dict) and "event" in event:
                return event
        except ValueError:
            pass
        raise StorageError(
            f"expected an event in line {number} of {self._path}, received {line[:60]!r}",
            hint="the file was changed by hand or by a failing disk; without that line the study is another one",
        )
