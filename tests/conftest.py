"""What all tests share: an environment of their own, fake installed plugins, and the photographs if there are any."""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import pytest
from hypothesis import settings

from cnnforge.host import plugin_host as host

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# Fixtures that are wider than a test run before `own_environment`: what they cache is not the user's own either.
_SESSION = Path(tempfile.gettempdir()) / f"cnnforge-tests-{os.environ.setdefault('CNNFORGE_TESTS', str(os.getpid()))}"
os.environ["CNNFORGE_CACHE_DIR"] = str(_SESSION / "cache")
os.environ["CNNFORGE_DATA_DIR"] = str(_SESSION / "data")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a script that starts this with `&`; tests press Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples every time and on every machine; `pytest --hypothesis-profile explore` looks for new ones.
settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
settings.register_profile("explore", deadline=None)
settings.load_profile("repeatable")

SITE = "fake-site-packages"
SWITCHES = ("CNNFORGE_DISABLE_PLUGINS", "CNNFORGE_LOAD_PLUGINS", "CNNFORGE_STRICT_PLUGINS")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Remove what the session cached, once its workers are gone."""
    if not hasattr(session.config, "workerinput"):
        shutil.rmtree(_SESSION, ignore_errors=True)


@pytest.fixture(autouse=True)
def own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every test away from the caches, data, switches and further plugins of whoever runs it."""
    monkeypatch.setattr(host, "entry_points", lambda group: [p for p in entry_points(group=group) if is_ours(p)])
    monkeypatch.setenv("CNNFORGE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("CNNFORGE_DATA_DIR", str(tmp_path / "data"))
    for switch in SWITCHES:
        monkeypatch.delenv(switch, raising=False)


def is_ours(entry_point: EntryPoint) -> bool:
    """Whether a plugin is built in, or installed by a test."""
    return entry_point.dist is not None and (
        entry_point.dist.name == host.BUILT_IN_DISTRIBUTION or Path(str(entry_point.dist.locate_file(""))).name == SITE
    )


@pytest.fixture(scope="session")
def photographs() -> Path:
    """The folder of the real photographs' archives; the test is skipped where there is none."""
    folder = os.environ.get("CNNFORGE_PHOTOGRAPHS")
    if not folder:
        pytest.skip("needs the real photographs: set CNNFORGE_PHOTOGRAPHS to the folder of their archives")
    return Path(folder)


class Site:
    """A folder on ``sys.path`` with fake installed distributions, as pip would leave them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.modules: list[str] = []

    def install(self, distribution: str, source: str | None, *, entry_point: str = "main", module: str = "") -> str:
        """Install a distribution with one plugin of one module, and return the plugin's id.

        ``source`` None installs no module of its own, so that the entry point leads to another's, or to none.
        """
        module = module or distribution.replace("-", "_")
        info = self.path / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[cnnforge]\n{entry_point} = {module}\n", encoding="utf-8")
        if source is not None:
            (self.path / f"{module}.py").write_text(textwrap.dedent(source), encoding="utf-8")
            self.modules.append(module)
        importlib.invalidate_caches()
        return f"{distribution}:{entry_point}"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """An empty folder of installed distributions, first on ``sys.path``."""
    fake = Site(tmp_path / SITE)
    fake.path.mkdir()
    monkeypatch.syspath_prepend(str(fake.path))
    yield fake
    for module in fake.modules:
        sys.modules.pop(module, None)
