"""Pages that a notebook shows in the place of a result: pieces of the report, from no network, light and dark."""

from __future__ import annotations

from html import escape
from pathlib import Path

from cnnforge.system import files


class Display:
    """A page: shown by a notebook, saved by a script.

    Args:
        page: A whole HTML page.
        title: What it shows.
        height: Of its frame in a notebook, in pixels.
    """

    def __init__(self, page: str, title: str, height: int = 480) -> None:
        self.page = page
        self.title = title
        self._height = height

    @property
    def html(self) -> str:
        """The page in a frame of its own, whose styles change nothing around it and in which no script runs."""
        return (
            f'<iframe title="{escape(self.title)}" sandbox srcdoc="{escape(self.page)}"'
            f' style="width:100%;height:{self._height}px;border:0;border-radius:6px"></iframe>'
        )

    def save(self, path: str | Path) -> Path:
        """Write the page into a file and return its path."""
        files.write_text(Path(path), self.page)
        return Path(path)

    def __repr__(self) -> str:
        return f'{self.title}: a notebook shows it, .save("page.html") writes it'

    def _repr_html_(self) -> str:
        return self.html
