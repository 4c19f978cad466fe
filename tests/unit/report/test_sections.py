"""Sections of the report that plugins bring: their place, what is escaped, and what a broken one does to the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from markupsafe import Markup

import cnnforge
from cnnforge.host import PluginHost, Registry, ReportSectionSpec
from cnnforge.report import RunFiles, write_report
from cnnforge.report.sections import check_html
from tests.unit.report.test_report import HOSTILE, Page, cats_and_dogs, epoch, host_of_report, write


def paragraph(files: RunFiles) -> Markup:
    return Markup("<p>Best epoch: {}</p>").format(files.run.get("best_epoch"))


def plain(files: RunFiles) -> str:
    return HOSTILE


def nothing(files: RunFiles) -> str:
    return ""


def raising(files: RunFiles) -> str:
    raise RuntimeError(f"no luck {HOSTILE}")


def number(files: RunFiles) -> Any:
    return 7


def changing(files: RunFiles) -> str:
    files.run.clear()
    files.epochs.clear()
    return "changed"


def unclosed(files: RunFiles) -> Markup:
    return Markup("<div><p>open</div>")


def closing(files: RunFiles) -> Markup:
    return Markup("</section></main><p>out</p>")


def section(name: str, function: str = "paragraph", after: str = "") -> ReportSectionSpec:
    return ReportSectionSpec(name=name, title=f"Title of {name}", render=f"{__name__}:{function}", after=after)


def page_of(path: Path, *plugins: list[ReportSectionSpec]) -> str:
    host = host_of_report()
    for position, specs in enumerate(plugins):
        plugin = type("Plugin", (), {"cnnforge_report_sections": cnnforge.hookimpl(lambda self, specs=specs: specs)})
        host.register(plugin(), f"acme{position}:main")
    written = write(path, metrics=[epoch(1), epoch(2)], evaluation=cats_and_dogs())
    return write_report(written.path, Registry(host)).read_text(encoding="utf-8")


def sections(text: str) -> list[str]:
    return [str(attributes["id"]) for attributes in Page(text).all("section")]


def test_a_section_follows_the_one_it_names_in_page_and_navigation(tmp_path: Path) -> None:
    specs = [section("last"), section("second", after="first"), section("first", after="curves")]
    text = page_of(tmp_path, [*specs, section("stray", after="nowhere"), section("absent", after="labels")])
    found = sections(text)
    assert found[:4] == ["curves", "first", "second", "measures"]
    assert found[found.index("classes") + 1 :][:2] == ["absent", "data"]  # `labels` itself has nothing to show
    assert found[-3:] == ["reproduce", "last", "stray"]
    assert "<p>Best epoch: 2</p>" in text
    links = [str(link["href"]) for link in Page(text).all("a") if str(link["href"]).startswith("#")]
    assert links == [f"#{name}" for name in found]


def test_sections_that_follow_each_other_are_all_shown(tmp_path: Path) -> None:
    found = sections(page_of(tmp_path, [section("first", after="second"), section("second", after="first")]))
    assert set(found[-2:]) == {"first", "second"}


def test_text_is_escaped_and_an_empty_section_left_out(tmp_path: Path) -> None:
    text = page_of(tmp_path, [section("plain", "plain"), section("nothing", "nothing")])
    assert "<script>" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "nothing" not in sections(text)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("raising", "RuntimeError: no luck &lt;/title&gt;"),
        ("number", "TypeError: expected text, received int"),
        ("unclosed", "broken HTML: expected &lt;/p&gt;, received &lt;/div&gt; in line 1"),
        ("closing", "broken HTML: expected no more tags, received &lt;/section&gt; in line 1"),
        ("missing", "cannot import"),
    ],
)
def test_a_broken_section_is_a_line_that_names_its_plugin_and_the_page_stands(
    tmp_path: Path, function: str, message: str
) -> None:
    text = page_of(tmp_path / "broken", [section("acme", function, "curves"), section("sound")])
    without = page_of(tmp_path / "without", [section("sound")])
    assert "report section &#39;acme&#39; of plugin acme0:main" in text
    assert message in text
    assert [name for name in sections(text) if name != "acme"] == sections(without)
    check_html(text[text.index('<div class="page">') : text.index("</body>")])
    for part in ("Open", "<p>out</p>", "<script"):
        assert part not in text


def test_what_a_section_does_to_the_files_stays_its_own(tmp_path: Path) -> None:
    text = page_of(tmp_path, [section("acme", "changing", "curves"), section("sound")])
    assert "<p>Best epoch: 2</p>" in text
    assert "curves" in sections(text)


def test_two_plugins_with_one_section_are_a_line_that_names_both(tmp_path: Path) -> None:
    text = page_of(tmp_path, [section("acme")], [section("acme"), section("sound")])
    assert "report section &#39;acme&#39; is claimed by acme0:main and acme1:main" in text
    assert "sound" in sections(text)


def test_a_section_that_a_plugin_claims_too_is_a_line_in_its_place(tmp_path: Path) -> None:
    text = page_of(tmp_path, [section("data"), section("sound", after="data")])
    assert "report section &#39;data&#39; is claimed by cnnforge:report and acme0:main" in text
    assert sections(text)[-4:] == ["data", "sound", "time", "reproduce"]


def test_without_any_plugin_there_is_a_page_without_sections(tmp_path: Path) -> None:
    written = write(tmp_path, metrics=[epoch(1)], evaluation=cats_and_dogs())
    page = Page(write_report(written.path, Registry(PluginHost())).read_text(encoding="utf-8"))
    assert page.all("section") == page.all("img") == []
    assert "catsdogs Run" in page.plain
    assert "model card" not in page.plain
    assert not written.model_card.exists()


def beside(name: str, function: str, file: str) -> ReportSectionSpec:
    return ReportSectionSpec(name=name, title="Title", render=f"{__name__}:{function}", file=file)


def test_a_file_is_written_as_it_is_beside_the_page_which_names_it(tmp_path: Path) -> None:
    text = page_of(tmp_path, [beside("acme", "plain", "acme.md"), beside("nothing", "nothing", "nothing.md")])
    assert (tmp_path / "acme.md").read_text(encoding="utf-8") == HOSTILE
    assert "the title stands beside it in <code>acme.md</code>" in text
    assert "nothing.md" not in text
    assert not (tmp_path / "nothing.md").exists()


def test_a_file_that_fails_is_a_line_in_the_page(tmp_path: Path) -> None:
    text = page_of(tmp_path, [beside("acme", "raising", "acme.md")])
    assert "report section &#39;acme&#39; of plugin acme0:main failed: RuntimeError" in text
    assert not (tmp_path / "acme.md").exists()


@pytest.mark.parametrize("file", ["run.json", "../card.md", "recipe.toml", "Card.md"])
def test_only_markdown_files_are_written_beside_the_page(file: str) -> None:
    assert any("expected a file like" in problem for problem in beside("acme", "plain", file).problems())
    assert beside("acme", "plain", "acme.md").problems() == []


@pytest.mark.parametrize(
    "html",
    [
        "<p>", "</p>", "<b><i></b></i>", "<div/>", "<div class='", "<!-- x", "<!-- x -->", "<![CDATA[ > </p> ]]>",
        "<script>1</script>", "<body></body>", "<link>", "<!doctype html>", "<?php ?>", "<textarea></p></textarea>",
        "<style>p {", "<table><tr></table>",
    ],
)  # fmt: skip
def test_html_that_could_change_what_is_around_it_is_refused(html: str) -> None:
    with pytest.raises(ValueError, match="broken HTML"):
        check_html(html)


@pytest.mark.parametrize(
    "html",
    ["", "a < b &amp; c", "<p>a<br>b<img src=x></p>", '<svg><path d="M0"/><g><title>t</title></g></svg>', "<P></p>"],
)
def test_html_that_is_whole_is_taken(html: str) -> None:
    check_html(html)
