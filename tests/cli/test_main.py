"""The console script: errors are messages and exit codes, in any environment; the options of each command are these."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import typer

import cnnforge
from cnnforge import errors
from cnnforge.cli import app as app_module

COMMANDS = {
    "": ["--version", "--traceback", "--plugin", "--install-completion", "--show-completion"],
    "run": [
        "recipe",
        "--data",
        "--architecture",
        "--set",
        "--runs-dir",
        "--name",
        "--resume",
        "--accept-changes",
        "--strict-data",
        "--json",
    ],
    "list": ["kind", "--json"],
    "show": ["name", "--kind", "--json"],
    "plugins": ["--json"],
    "plugins show": ["plugin", "--json"],
    "plugins check": ["plugin", "--timeout"],
    "data download": ["name"],
    "data check": ["path", "--recipe", "--set", "--json"],
    "data split": ["path", "--to", "--recipe", "--set"],
    "data store": ["--clear", "--json"],
    "benchmark": ["recipe", "--data", "--architecture", "--set", "--steps", "--json"],
}


def commands(command=None, path=""):
    """Yield every command's path with the names of its arguments and the spellings of its options."""
    children = {name: app_module.load_command(name) for name in app_module.command_entries()} if not path else {}
    command = command or typer.main.get_command(app_module.app)
    yield path, [spelling for parameter in command.params for spelling in parameter.opts]
    for name, child in (children or getattr(command, "commands", {})).items():
        yield from commands(child, f"{path} {name}".strip())


@pytest.mark.parametrize("path", COMMANDS)
def test_the_options_of_each_command_are_these(path):
    assert dict(commands())[path] == COMMANDS[path]


@pytest.mark.parametrize("path", [path for path, _ in commands()])
def test_every_command_explains_itself(cli, path):
    done = cli(*path.split(), "--help")
    assert done.code == 0
    assert done.out.startswith("Usage: cnnforge")


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_version(cli, option):
    done = cli(option)
    assert (done.code, done.out) == ((0, f"cnnforge {cnnforge.__version__}\n") if option == "--version" else (2, ""))


def test_without_a_command_there_is_help(cli):
    assert cli() == cli("--help")


@pytest.mark.parametrize("arguments", [["lst"], ["list", "--jsn"], ["show"], ["plugins", "shw"]])
def test_a_mistake_on_the_command_line_is_exit_code_2(cli, arguments):
    done = cli(*arguments)
    assert (done.code, done.out) == (2, "")
    assert "--help" in done.err


@pytest.fixture
def failing(monkeypatch):
    """A function that makes `cnnforge list` fail with an exception."""

    def fail_with(error):
        def catalogues(self):
            raise error

        monkeypatch.setattr("cnnforge.host.registry.Registry.catalogues", catalogues)

    return fail_with


def error_classes(parent):
    return [parent, *(found for child in parent.__subclasses__() for found in error_classes(child))]


@pytest.mark.parametrize("error_class", error_classes(errors.CnnforgeError), ids=lambda c: c.__name__)
def test_every_error_ends_with_the_code_its_docstring_promises(cli, failing, error_class, monkeypatch):
    monkeypatch.setattr("os._exit", sys.exit)  # an interrupted process leaves at once; this one goes on
    (line,) = [line for line in errors.__doc__.splitlines() if f"{error_class.__name__} " in line]
    failing(error_class("expected this\nreceived that", hint="do so"))
    done = cli("list")
    assert done.code == int(line.split(error_class.__name__)[1].split()[0])
    assert (done.out, done.err) == ("", "error: expected this\n       received that\n  → do so\n")


@pytest.mark.parametrize(
    "arguments", [["--traceback", "list"], ["list", "--traceback"], ["list", "--json", "--traceback"]]
)
def test_a_traceback_is_printed_only_when_asked_for_anywhere(cli, failing, arguments):
    failing(errors.DataError("expected this"))
    assert "Traceback" not in cli("list").err
    done = cli(*arguments)
    assert done.code == 3
    assert done.err.startswith("Traceback (most recent call last):")
    assert done.err.endswith("\nerror: expected this\n")


def test_an_unexpected_exception_is_one_line_that_asks_for_a_report(cli, failing):
    failing(ZeroDivisionError("division by zero"))
    done = cli("list")
    assert done.code == 1
    assert done.err == (
        "error: internal error: ZeroDivisionError: division by zero\n  → run again with --traceback and report it\n"
    )


def test_ctrl_c_is_exit_code_130_without_a_traceback(cli, failing):
    failing(KeyboardInterrupt())
    done = cli("list")
    assert (done.code, done.out) == (130, "")
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    "environ",
    [
        {"LANG": "C", "LC_ALL": "C"},
        {"NO_COLOR": "1"},
        {"TERM": "dumb"},
        {"PYTHONIOENCODING": "ascii"},
        {"COLUMNS": "20"},
    ],
    ids=str,
)
@pytest.mark.parametrize("command", ["show catsdogs", "show catdogs"])
def test_output_in_any_environment_has_no_control_codes_and_no_crash(process, environ, command):
    done = process(*command.split(), **environ)
    assert done.returncode == (0 if command == "show catsdogs" else 2)
    assert "\x1b" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="no pipes of this kind")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_nobody_reads_ends_quietly(unbuffered):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "cnnforge", "show", "catsdogs"],
        stdout=writer,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        check=False,
    )
    os.close(writer)
    assert done.stderr == b""


@pytest.mark.skipif(os.name == "nt", reason="no descriptors to close")
def test_closed_output_does_no_harm():
    done = subprocess.run(["/bin/sh", "-c", f"{sys.executable} -m cnnforge list >&-"], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
