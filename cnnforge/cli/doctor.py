"""``cnnforge doctor``: what there is to work with, what is missing and how to get it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from cnnforge.cli.common import echo_json, registry
from cnnforge.cli.diagnosis import BROKEN, MISSING, OK, Finding, diagnose
from cnnforge.cli.table import wrap

_MARKS = {OK: " ", MISSING: "-", BROKEN: "!"}
_INDENT = " " * 17


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print a list of objects.")] = False) -> None:
    """Show versions, devices and memory, and what is missing.

    For what is missing it says how to get it.

    The exit code is 1 if something is broken.
    """
    found = []
    for finding in diagnose(registry().host):
        found.append(finding)
        if not as_json:
            typer.echo(_text(finding))
    if as_json:
        echo_json([asdict(finding) for finding in found])
    if any(finding.state == BROKEN for finding in found):
        raise typer.Exit(1)


def _text(finding: Finding) -> str:
    name = f"{_MARKS[finding.state]} {finding.name:14} "
    lines = [name + wrap(finding.text, indent=_INDENT).lstrip()]
    return "\n".join([*lines, *([wrap(f"→ {finding.hint}", indent=_INDENT)] if finding.hint else [])])
