"""Where the time of a run went, and what must be known to repeat it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from cnnforge.report import RunFiles, numbers
from cnnforge_report.fragments import fragment

_PARTS = {
    "scan": "reading and checking the images",
    "preparation": "building the network and choosing its arithmetic",
    "features": "running the frozen backbone once",
    "training": "training",
    "evaluation": "evaluation",
    "explanation": "pictures for this report",
    "other": "starting up and the rest",
}
_WITH_GRAD_CAM = {"explanation": "Grad-CAM pictures for this report"}


@dataclass(frozen=True, slots=True)
class _TimePart:
    """A part of the run's time."""

    name: str
    seconds: float
    share: float


def spent_time(files: RunFiles) -> str:
    """Return where the time of the run went; empty where none was noted."""
    parts = _time_parts(files)
    return fragment("time", files, parts=parts, notes=_speed_notes(files)) if parts else ""


def reproduce(files: RunFiles) -> Markup:
    """Return what it takes to repeat the run."""
    return fragment("reproduce", files, commands=_commands(files), provenance=provenance(files))


def _time_parts(files: RunFiles) -> list[_TimePart]:
    """Return where the time of the run went."""
    seconds = {part: float(s) for part, s in files.run.get("seconds", {}).items() if numbers.is_number(s)}
    total = seconds.pop("total", sum(seconds.values()))
    rest = total - sum(seconds.values())
    parts = {**seconds, **({"other": rest} if rest > 0 else {})}
    names = {**_PARTS, **(_WITH_GRAD_CAM if "grad_cam" in files.examples else {})}
    return [_TimePart(names.get(part, part), s, s / total) for part, s in parts.items() if s > 0]


def _speed_notes(files: RunFiles) -> list[str]:
    """Return sentences on what made the training as fast as it was."""
    waiting, precision = number_in(files.run, "waiting_share"), files.run.get("precision")
    return [
        *([f"Training waited for data {numbers.percent(waiting)} of its time."] if waiting is not None else []),
        *([f"Arithmetic: {precision['policy']} ({precision['reason']})."] if precision else []),
    ]


def provenance(files: RunFiles) -> list[tuple[str, str]]:
    """Return the rows of what must be known to repeat the run, each with its label."""
    run = files.run
    git = run.get("git") or {}
    changed = " with uncommitted changes" if git.get("is_dirty") else ""
    rows = [
        ("started", _time(run.get("started", ""))),
        ("finished", _time(run.get("finished", ""))),
        ("seed", str(run.get("seed", ""))),
        *((role.replace("_", " "), _plugin(plugin)) for role, plugin in run.get("plugins", {}).items()),
        ("packages", _versions({"Python": run.get("python"), **run.get("packages", {})}.items())),
        ("machine", ", ".join(filter(None, [run.get("platform"), _processors(run.get("processors"))]))),
        ("data", run.get("data", {}).get("fingerprint", "")),
        ("commit", f"{git['commit']}{changed}" if git.get("commit") else ""),
    ]
    return [(label, text) for label, text in rows if text]


def _commands(files: RunFiles) -> list[tuple[str, str]]:
    """Return the command that made the run and the one that repeats it, each with what it is."""
    argv: Sequence[str] = files.run.get("argv", ())
    original = shlex.join([Path(argv[0]).name, *argv[1:]]) if argv else ""
    again = shlex.join(["cnnforge", "run", f"{files.directory.absolute().name}/recipe.toml"])
    rows = [("This run was made with", original), ("To repeat it, in the folder that holds this run", again)]
    return [(label, command) for label, command in rows if command]


def _plugin(plugin: dict[str, Any]) -> str:
    return f"{plugin.get('name')}, of {plugin.get('plugin')} {plugin.get('version') or ''}".rstrip()


def _versions(packages: Iterable[tuple[str, str | None]]) -> str:
    return ", ".join(f"{name} {version}" for name, version in packages if version)


def _processors(num: int | None) -> str:
    return f"{num} processors" if num else ""


def _time(text: str) -> str:
    return text.replace("T", " ").replace("+00:00", " UTC")


def number_in(run: dict[str, Any], *keys: str) -> float | None:
    """Return the finite number that stands under these keys in ``run.json``; None if there is none."""
    value: Any = run
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if numbers.is_number(value) else None
