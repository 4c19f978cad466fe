"""The images of a run where its data source has them."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnforge.data import content_hash
from cnnforge.errors import DataError
from cnnforge.images import LabelledImages
from cnnforge.running.run_dir import RunDir
from cnnforge.system import read_lines


def split_lines(directory: RunDir, split: str) -> list[dict[str, Any]]:
    """Return the lines of a run's manifest that are in a split.

    Raises:
        DataError: The split has no images.
    """
    lines = [line for line in read_lines(directory.manifest) if line.get("split")]
    wanted = [line for line in lines if line["split"] == split]
    if not wanted:
        present = ", ".join(dict.fromkeys(line["split"] for line in lines))
        raise DataError(f"expected a split that the run has, received split={split}. Available: {present}")
    return wanted


class RunImages:
    """Images of a data source by the names that a run knows them by, and as the run had them.

    Args:
        source: The images as they are now.
        hint: What to do where one is not as it was.
    """

    def __init__(self, source: LabelledImages, hint: str = "put it back where it was") -> None:
        self.source = source
        self.row_of = {name: row for row, name in enumerate(source.names)}
        self._hint = hint

    def read(self, name: str, sha256: str) -> bytes | np.ndarray:
        """Return the content of an image, as the source has it, if it is still the one that the manifest has.

        Raises:
            DataError: It is gone, cannot be read, or has another content.
        """
        try:
            content = self.source.read(self.row_of[name])
            fault = None if content_hash(content).hex() == sha256 else "another content"
        except KeyError:
            fault = "nothing of that name"
        except (OSError, ValueError) as error:
            fault = str(getattr(error, "strerror", None) or error)
        if fault:
            raise DataError(
                f"expected {name} in {self.source.location} as it was in training, received {fault}", hint=self._hint
            )
        return content
