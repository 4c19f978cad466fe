"""The sections of the report that plugins bring: in their place, and contained, whatever is wrong with them."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from html.parser import HTMLParser

from markupsafe import Markup

from cnnforge.errors import PluginError
from cnnforge.host import Entry, Registry, ReportSectionSpec, import_deferred
from cnnforge.report.run_files import RunFiles

_VOID = frozenset({"area", "br", "col", "embed", "hr", "img", "input", "source", "track", "wbr"})
_REFUSED = frozenset(
    {"html", "head", "body", "base", "meta", "link", "script", "iframe", "frame", "frameset", "object", "plaintext"}
)


@dataclass(frozen=True, slots=True)
class PluginSection:
    """A section ready for the page: what it shows, or why it shows nothing."""

    name: str
    title: str
    body: Markup
    error: str = ""


def plugin_sections(files: RunFiles, registry: Registry) -> dict[str, list[PluginSection]]:
    """Return the sections of plugins by the name of the core's section that they follow; the last ones by ``""``."""
    catalogue = registry.catalogue(ReportSectionSpec)
    conflicts = catalogue.conflicts()
    waiting = {entry.spec.name: entry for entry in catalogue.all() if entry.spec.name not in conflicts}
    anchors = sorted(ReportSectionSpec.reserved)
    found = {anchor: _following(anchor, waiting) for anchor in anchors}
    last = _following("", waiting)
    while waiting:  # they follow what is not there, or each other
        last += _following(next(iter(waiting.values())).spec.after, waiting)
    shown = {
        anchor: [section for entry in entries if (section := render_section(entry, files))]
        for anchor, entries in [*found.items(), ("", last)]
    }
    for name, owners in conflicts.items():
        error = f"report section {name!r} is claimed by {' and '.join(owners)}: switch one of them off"
        shown[""].append(PluginSection(name, catalogue.entries[name][0].spec.title, Markup(), error))
    return shown


def _following(anchor: str, waiting: dict[str, Entry[ReportSectionSpec]]) -> list[Entry[ReportSectionSpec]]:
    """Take out and return the sections that follow a section, each with those that follow it in turn."""
    found: list[Entry[ReportSectionSpec]] = []
    for entry in [entry for entry in waiting.values() if entry.spec.after == anchor]:
        if waiting.pop(entry.spec.name, None):
            found += [entry, *_following(entry.spec.name, waiting)]
    return found


def render_section(entry: Entry[ReportSectionSpec], files: RunFiles) -> PluginSection | None:
    """Return a section; None if it has nothing to show."""
    spec, owner = entry.spec, f"report section {entry.spec.name!r} of plugin {entry.plugin}"
    try:
        text = import_deferred(spec.render, owner)(copy.deepcopy(files))  # what it changes stays its own
        if not isinstance(text, str):
            raise TypeError(f"expected text, received {type(text).__name__}")
        if isinstance(text, Markup):
            check_html(text)
    except PluginError as error:
        return PluginSection(spec.name, spec.title, Markup(), str(error))
    except (Exception, SystemExit) as error:
        return PluginSection(spec.name, spec.title, Markup(), f"{owner} failed: {type(error).__name__}: {error}")
    if not text.strip():
        return None
    return PluginSection(spec.name, spec.title, text if isinstance(text, Markup) else Markup("<p>{}</p>").format(text))


def check_html(text: str) -> None:
    """Check that HTML can stand in a page without changing what is around it.

    Raises:
        ValueError: An element is not closed, or closed twice; or it is none for within a page.
    """
    parser = _Elements()
    parser.feed(text)
    if parser.rawdata:
        raise ValueError(f"broken HTML: expected a whole tag, received {parser.rawdata:.40}")
    if parser.open:
        tag, line = parser.open[-1]
        raise ValueError(f"broken HTML: expected </{tag}> for <{tag}> in line {line}, received none")


class _Elements(HTMLParser):
    """The elements that are open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[tuple[str, int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if tag in _REFUSED:
            self._refuse(f"<{tag}>")
        if tag not in _VOID:
            self.open.append((tag, self.getpos()[0]))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if any(name in {"svg", "math"} for name, _ in self.open):  # in HTML itself, <div/> only opens a div
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1][0] != tag:
            expected = f"</{self.open[-1][0]}>" if self.open else "no more tags"
            raise ValueError(f"broken HTML: expected {expected}, received </{tag}> in line {self.getpos()[0]}")
        self.open.pop()

    # Python and browsers do not agree on where these end.
    def handle_comment(self, data: str) -> None:  # noqa: ARG002
        self._refuse("a comment")

    def handle_decl(self, decl: str) -> None:
        self._refuse(f"<!{decl}>")

    def unknown_decl(self, data: str) -> None:
        self._refuse(f"<![{data:.20}")

    def handle_pi(self, data: str) -> None:
        self._refuse(f"<?{data:.20}>")

    def _refuse(self, what: str) -> None:
        raise ValueError(
            f"broken HTML: expected elements for within a page, received {what} in line {self.getpos()[0]}"
        )
