"""Hostile names on a pseudo-terminal: what reaches it that a terminal obeys or that turns text around."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from tests.cli import test_terminal_text as terminal
from tests.reliability.figure import Figure, share


def measure(seed: int) -> Figure:
    del seed  # nothing is drawn
    os.environ["CNNFORGE_LOAD_PLUGINS"] = ""
    with tempfile.TemporaryDirectory(prefix="cnnforge-names-") as name:
        folder = terminal.with_hostile_names(Path(name))
        outputs = [terminal.on_terminal(*arguments, folder=folder)[1] for arguments, _ in terminal.COMMANDS.values()]
        shown = "\n".join(terminal.all_names(folder))
    num_clean = sum(not terminal.hostile(output) for output in outputs)
    return Figure(
        ours=share(num_clean, len(outputs)),
        theirs=f"`ls` into a pipe and `cat` of it: {len(terminal.hostile(shown))} in one listing",
        count=f"{len(outputs)} commands on files, classes, runs and plugins with hostile names",
        is_met=num_clean == len(outputs),
    )
