"""What needs no training imports nothing heavy, so that it answers at once."""

from __future__ import annotations

import json

import pytest

HEAVY = {"tensorflow", "keras", "numpy", "keras_tuner", "matplotlib", "jax", "torch", "PIL", "scipy", "sklearn", "rich"}

CODE = """
import json, sys
from cnnforge.cli.console import main
try:
    main()
except SystemExit as done:
    print(json.dumps({"code": done.code or 0, "modules": sorted({name.partition(".")[0] for name in sys.modules})}))
"""


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("--help", 0),
        ("--version", 0),
        ("run --help", 0),
        ("list", 0),
        ("list architectures --json", 0),
        ("list measures", 0),
        ("show brier_score", 0),
        ("show catsdogs_cnn", 0),
        ("show catsdogs", 0),
        ("show catsdogs_cnn --json", 0),
        ("plugins", 0),
        ("runs --json", 0),
        ("runs prune", 2),
        ("evaluate nowhere", 2),
        ("predict nowhere x.jpg", 2),
        ("compare nowhere here", 2),
        ("reproduce nowhere", 2),
        ("plugins show cnnforge:catsdogs", 0),
        ("data --help", 0),
        ("new plugin --help", 0),
        ("new plugin Not-A-Name", 2),
        ("run catsdogs --set training.epcohs=3", 2),
        ("run catsdogs --set training.epochs=none", 2),
        ("run catsdogs --set architecture.dropuot=0.5", 2),
        ("run catsdogs --set architecture.dropout=1.5", 2),
        ("run catsdogs --set training.optimizer=rmsporp", 2),
        ("run catsdogs --set training.optimizer.roh=0.5", 2),
        ("run catsdogs --set training.best=brier_scor", 2),
        ("run catsdgos", 2),
        ("run catsdogs --architecture catdogs_cnn", 2),
        ("run nowhere.toml", 2),
        ("run", 2),
        ("run catsdogs --resume r", 2),
        ("run --resume nowhere", 2),
        ("run --resume nowhere --name r", 2),
        ("export --help", 0),
        ("export nowhere --format onnx", 2),
    ],
)
def test_answers_without_importing_anything_heavy(process, command, code):
    done = process(*command.split(), code=CODE)
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["code"], HEAVY & set(found["modules"])) == (code, set()), done.stderr


def test_the_public_names_import_nothing_heavy(process):
    done = process(code="import cnnforge, sys; print({n.partition('.')[0] for n in sys.modules} & set(sys.argv[1:]))")
    assert done.returncode == 0, done.stderr
    done = process(
        *HEAVY,
        code="import cnnforge, sys; print(sorted({n.partition('.')[0] for n in sys.modules} & set(sys.argv[1:])))",
    )
    assert done.stdout.strip() == "[]"
