"""The section of the report of a run that repeats another: what came of it."""

from __future__ import annotations

from markupsafe import Markup

from cnnforge.report import RunFiles, number
from cnnforge.system import files

_FILE = "reproduction.json"

_ROW = Markup('<tr><th scope="row">{}</th><td>{}</td><td>{}</td></tr>')
_ITEM = Markup("<li>{}</li>")
_CAUSES = Markup("<p>Not the same for both:</p><ul>{}</ul>")
_SECTION = Markup(
    '<p>This run repeats {}. Compared with it: {}.</p><div class="card"><table><thead><tr><th scope="col">figure</th>'
    '<th scope="col">recorded</th><th scope="col">again</th></tr></thead><tbody>{}</tbody></table>{}</div>'
)


def render(found: RunFiles) -> Markup:
    """Return what ``reproduction.json`` says; empty for a run that repeats none."""
    path = found.directory / _FILE
    if not path.is_file():
        return Markup()
    facts = files.read_json(path)
    rows = [_ROW.format(name, number(old, 6), number(new, 6)) for name, (old, new) in facts["figures"].items()]
    items = [_ITEM.format(cause) for cause in facts["causes"]]
    causes = _CAUSES.format(Markup().join(items)) if items else ""
    return _SECTION.format(facts["recorded"], facts["verdict"], Markup().join(rows), causes)
