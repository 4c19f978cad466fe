"""`cnnforge doctor`: what there is, what is missing and how to get it."""

from __future__ import annotations

import json
import subprocess
from importlib.metadata import PackageNotFoundError

import pytest

from cnnforge.host.plugin_host import PluginHost
from cnnforge_doctor import diagnosis
from cnnforge_doctor.diagnosis import BROKEN, MISSING, OK, diagnose


def states(found) -> dict[str, str]:
    return {finding["name"]: finding["state"] for finding in found}


@pytest.fixture
def backend(monkeypatch):
    """A function that says how the process ends that asks the backend; by default as on a sound machine."""
    answer = {
        "packages": {"keras": "3"}, "backend": "tensorflow", "processor": "cpu", "accelerators": [],
        "has_bfloat16": True,
    }  # fmt: skip

    def put(code: int, out: str = "", err: str = "") -> None:
        def run(command, **options):
            if code:
                raise subprocess.CalledProcessError(code, command, out, err)
            return subprocess.CompletedProcess(command, 0, out, err)

        monkeypatch.setattr(diagnosis.subprocess, "run", run)

    put(0, "a line of a library\n" + json.dumps(answer))
    return put


def test_a_sound_machine(process):
    done = process("doctor", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert {"cnnforge", "backend", "processors", "bfloat16", "memory", "cache", "data", "plugins"} <= set(states(found))
    assert BROKEN not in states(found).values()
    assert "tensorflow" in next(finding["text"] for finding in found if finding["name"] == "backend")


def test_the_text_fits_a_terminal(cli, backend):
    done = cli("doctor")
    assert done.code == 0
    # A path has no place to break.
    assert all(len(line) <= 80 for line in done.out.splitlines() if "/" not in line)


def test_a_backend_that_does_not_fit_the_processor(cli, backend):
    backend(-4)
    done = cli("doctor")
    assert done.code == 1
    assert "! backend" in done.out
    assert "SIGILL" in done.out


def test_a_backend_that_cannot_be_imported(cli, backend):
    backend(1, err="Traceback\nModuleNotFoundError: No module named 'tensorflow'\n")
    done = cli("doctor", "--json")
    (found,) = [finding for finding in json.loads(done.out) if finding["name"] == "backend"]
    assert (done.code, found["state"]) == (1, BROKEN)
    assert "No module named 'tensorflow'" in found["text"]
    assert "pip install" in found["hint"]


def test_a_broken_plugin_and_a_cache_that_is_no_folder(cli, backend, site, tmp_path, monkeypatch):
    site.install("acme", "import nowhere")
    monkeypatch.setenv("CNNFORGE_LOAD_PLUGINS", "acme")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CNNFORGE_CACHE_DIR", str(tmp_path / "file"))
    found = json.loads(cli("doctor", "--json").out)
    assert states(found)["plugin"] == states(found)["cache"] == BROKEN


def test_an_extra_that_lacks_a_package_says_how_to_get_it(backend, monkeypatch):
    installed = diagnosis.version

    def version(name: str) -> str:
        if name == "onnx":
            raise PackageNotFoundError(name)
        return installed(name)

    monkeypatch.setattr(diagnosis, "version", version)
    found = {finding.name: finding for finding in diagnose(PluginHost())}
    assert found["extra export"].state == MISSING
    assert "onnx" in found["extra export"].text
    assert found["extra export"].hint == "pip install 'cnnforge[export]'"
    assert found["extra serve"].state == OK
