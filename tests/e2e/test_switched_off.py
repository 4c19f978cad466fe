"""With every built-in plugin but the two of the mission switched off, the classic still trains."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from cnnforge.testing.pytest_plugin import Outcome

NEEDED = {"catsdogs", "directory"}  # what the mission names


def test_the_classic_needs_no_other_built_in_plugin(
    cli: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built_in = {point.name for point in entry_points(group="cnnforge") if point.dist and point.dist.name == "cnnforge"}
    monkeypatch.setenv("CNNFORGE_LOAD_PLUGINS", "")
    monkeypatch.setenv("CNNFORGE_DISABLE_PLUGINS", ",".join(sorted(built_in - NEEDED)))
    changes = ["training.epochs=1", "training.precision=float32", "data.subset=0.06", "data.image_size=[32,32]"]
    settings = [word for change in changes for word in ("--set", change)]
    done = cli("run", "catsdogs", *settings, "--runs-dir", str(tmp_path), "--name", "alone")
    assert done.code == 0, done.err
    report = (tmp_path / "alone" / "report.html").read_text(encoding="utf-8")
    assert "<h1>catsdogs</h1>" in report
    assert "<section" not in report
    assert not (tmp_path / "alone" / "model_card.md").exists()
    recipe = (tmp_path / "alone" / "recipe.toml").read_text(encoding="utf-8")
    assert 'search = ["architecture.filters", "training.learning_rate"]' in recipe
    assert cli("report", str(tmp_path / "alone")).code == 0
    assert cli("evaluate", str(tmp_path / "alone")).code == 2  # a command of a plugin, as `tune` is
    assert cli("tune", "catsdogs").code == 2
