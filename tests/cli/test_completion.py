"""Completion in bash, zsh and fish, as the shells ask for it, without importing anything heavy."""

from __future__ import annotations

import json

import pytest

from tests.cli.test_light import CODE, HEAVY

SHELLS = {
    "bash": lambda line: {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)},
    "zsh": lambda line: {"_TYPER_COMPLETE_ARGS": line},
    "fish": lambda line: {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
}


@pytest.fixture
def complete(process, tmp_path, monkeypatch):
    """A function that completes a line in a shell and returns what is offered."""
    monkeypatch.chdir(tmp_path)

    def ask(line: str, shell: str = "bash") -> str:
        done = process(code=CODE, _CNNFORGE_COMPLETE=f"complete_{shell}", **SHELLS[shell](line))
        *offered, last = done.stdout.splitlines()
        assert (done.stderr, HEAVY & set(json.loads(last)["modules"]) - {"rich"}) == ("", set())
        return "\n".join(offered)

    return ask


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_completes_recipes(complete, shell):
    assert "catsdogs" in complete("cnnforge run cats", shell)
    assert "directory-cnn" not in complete("cnnforge run cats", shell)


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("cnnforge ev", "evaluate"),
        ("cnnforge run catsdogs --architecture ", "catsdogs_cnn\nown_function\nown_model"),
        ("cnnforge show dir", "directory\ndirectory-cnn"),
        ("cnnforge data download ", "catsdogs\ndirectory"),
        ("cnnforge plugins show cnnforge:di", "cnnforge:directory"),
        ("cnnforge runs --sort acc", "accuracy"),
        ("cnnforge run nothing-like-this", ""),
    ],
)
def test_names_are_completed(complete, line, offered):
    assert complete(line) == offered


def test_runs_are_completed(complete, tmp_path):
    for name in ("20260101-a", "20260102-b", ".new"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "run.json").write_text("{}")
    (tmp_path / "runs" / "no-run").mkdir()
    for command in ("evaluate", "predict", "explain", "report", "compare", "reproduce", "export", "serve"):
        assert complete(f"cnnforge {command} 2026") == "20260101-a\n20260102-b", command
    assert complete("cnnforge run --resume 20260102") == "20260102-b"


def test_a_broken_plugin_does_not_write_into_the_command_line(complete, site, monkeypatch):
    site.install("acme", "import nowhere")
    monkeypatch.setenv("CNNFORGE_LOAD_PLUGINS", "acme")
    monkeypatch.setenv("PYTHONPATH", str(site.path))
    assert complete("cnnforge run cats") == "catsdogs"


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_for_each_shell(process, shell):
    done = process("--show-completion", shell, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert (done.returncode, "_CNNFORGE_COMPLETE" in done.stdout) == (0, True), done.stderr
