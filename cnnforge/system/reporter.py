"""How long work tells people where it stands."""

from __future__ import annotations

from collections.abc import Callable

DownloadProgress = Callable[[int, int | None], None]
"""``progress(done_bytes, total_bytes)``; the total is None where it is unknown."""


class Reporter:
    """Receives what a person who waits should see. This one shows nothing; the command line's derives from it."""

    def say(self, text: str) -> None:
        """Show a line."""

    def warn(self, text: str) -> None:
        """Show a line that must not be overlooked."""

    def progress(self, label: str, done: int, total: int | None) -> None:
        """Show how many images of a piece of work are done, of how many if that is known."""

    def finish(self, text: str) -> None:
        """End the piece of work in progress and show its outcome in a line."""
