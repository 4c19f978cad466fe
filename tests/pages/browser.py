"""Chromium without a window: pages checked by axe-core, and measured at a width."""

from __future__ import annotations

import importlib.resources
import json
import os
import re
import shutil
import subprocess
from html import escape as html_escape
from pathlib import Path
from typing import Any

import pytest

_RESULT = re.compile(r'<script id="result" type="application/json">(.*?)</script>', re.DOTALL)
_POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
# The page's own policy forbids scripts, so it is taken out of the copy that is checked.
_CHECK = """
<script>AXE</script>
<script>
for (const details of document.querySelectorAll("details")) details.open = true;
axe.run(document, { resultTypes: ["violations"] }).then((found) => {
  const result = document.createElement("script");
  result.id = "result"; result.type = "application/json";
  const violations = found.violations.map((v) => ({
    id: v.id, impact: v.impact, help: v.help,
    nodes: v.nodes.slice(0, 3).map((n) => n.html.slice(0, 200) + " " + n.failureSummary),
  }));
  const wide = [...document.querySelectorAll("body *")].filter(
    (e) => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".scroll, pre, svg"));
  result.textContent = JSON.stringify({
    violations, passes: found.passes.length, width: innerWidth,
    is_dark: matchMedia("(prefers-color-scheme: dark)").matches,
    wide: wide.slice(0, 3).map((e) => e.outerHTML.slice(0, 200)),
  }).replaceAll("<", "\\\\u003c");
  parent.document.body.append(result);
});
</script>
"""


def requirements() -> tuple[str, str]:
    """Return the browser and the source of axe-core; skip the test with the way to get what is missing."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    browser = os.environ.get("CNNFORGE_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if not browser:
        pytest.skip("needs Chromium: apt-get install chromium, or set CNNFORGE_CHROMIUM to one")
    axe = importlib.resources.files("axe_playwright_python").joinpath("axe.min.js")
    return browser, axe.read_text(encoding="utf-8")


def check(page: Path, folder: Path, *, width: int = 1280, is_dark: bool = False) -> dict[str, Any]:
    """Return what axe-core finds on a page with all its details open, and what sticks out to the right."""
    browser, axe = requirements()
    html, policies = _POLICY.subn("", page.read_text(encoding="utf-8"))
    assert policies == 1
    checked = html.replace("</body>", _CHECK.replace("AXE", axe) + "</body>")
    copy = folder / f"{page.stem}-{width}-{is_dark}.html"
    # In a frame, since no window of Chromium is as narrow as a telephone.
    frame = f'<iframe style="width: {width}px; height: 2000px; border: 0" srcdoc="{html_escape(checked)}"></iframe>'
    copy.write_text(f"<!doctype html><body>{frame}</body>", encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1400,2100"]
    options += [f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=60000", "--dump-dom"]
    options += ["--blink-settings=preferredColorScheme=0"] if is_dark else []
    done = subprocess.run(
        [browser, *options, copy.as_uri()], capture_output=True, text=True, encoding="utf-8", timeout=180, check=True
    )
    match = _RESULT.search(done.stdout)
    assert match, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(match[1])
    return found
