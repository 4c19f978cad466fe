"""The sections of the report, which plugins bring: in their place, and contained, whatever is wrong with them."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
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
class Section:
    """A section ready for the page, or for the file that its spec names: what it shows, or why it shows nothing."""

    spec: ReportSectionSpec
    body: str
    error: str = ""

    @property
    def heading(self) -> str:
        """The heading in the page."""
        return self.spec.title if self.spec.heading is None else self.spec.heading


def report_sections(files: RunFiles, registry: Registry) -> list[Section]:
    """Return the sections of plugins in their order, without those that have nothing to show."""
    entries = registry.catalogue(ReportSectionSpec).entries
    sections = [_section(entries[name], files) for name in _in_order(entries)]
    return [section for section in sections if section is not None]


def _in_order(entries: Mapping[str, Sequence[Entry[ReportSectionSpec]]]) -> list[str]:
    """Return the names of sections, each behind the one that it follows."""
    waiting = {name: owners[0].spec.after for name, owners in entries.items()}
    ordered: list[str] = []

    def place(name: str) -> None:
        if waiting.pop(name, None) is not None:
            ordered.append(name)
            for follower in [other for other, after in waiting.items() if after == name]:
                place(follower)

    # First those that follow nothing, then those that follow what is not there; the rest follow each other.
    for name in sorted(waiting, key=lambda name: (bool(waiting[name]), waiting[name] in entries)):
        place(name)
    return ordered


def _section(owners: Sequence[Entry[ReportSectionSpec]], files: RunFiles) -> Section | None:
    if len(owners) == 1:
        return render_section(owners[0], files)
    spec, plugins = owners[0].spec, " and ".join(entry.plugin for entry in owners)
    return Section(spec, "", f"report section {spec.name!r} is claimed by {plugins}: switch one of them off")


def render_section(entry: Entry[ReportSectionSpec], files: RunFiles) -> Section | None:
    """Return a section; None if it has nothing to show."""
    spec, owner = entry.spec, f"report section {entry.spec.name!r} of plugin {entry.plugin}"
    try:
        own = pickle.loads(pickle.dumps(files))  # noqa: S301 - a copy, what it changes stays its own; faster than deepcopy
        text = import_deferred(spec.render, owner)(own)
        if not isinstance(text, str):
            raise TypeError(f"expected text, received {type(text).__name__}")
        if isinstance(text, Markup):
            check_html(text)
    except PluginError as error:
        return Section(spec, "", str(error))
    except (Exception, SystemExit) as error:
        return Section(spec, "", f"{owner} failed: {type(error).__name__}: {error}")
    if not text.strip():
        return None
    return Section(spec, text if spec.file or isinstance(text, Markup) else Markup("<p>{}</p>").format(text))


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
