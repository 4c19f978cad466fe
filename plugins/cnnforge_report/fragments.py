"""Parts of the page, from this plugin's templates."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from cnnforge.report import RunFiles, page


def fragment(template: str, files: RunFiles, **values: Any) -> Markup:
    """Return what the template of a section makes of the files of a run and of values worked out from them."""
    content = page.render(__package__, f"{template}.html.j2", files=files, evaluation=files.evaluation, **values)
    return Markup(content)  # noqa: S704 - the template has escaped what it was given
