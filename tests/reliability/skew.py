"""Figure 5: the same photographs through training's feed, evaluate, predict, serve and exported models."""

from __future__ import annotations

import csv
import io
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from cnnforge.running.run_dir import RunDir
from tests.reliability.figure import Figure
from tests.reliability.shell import Shell, photographs, train

TOLERANCE = 1e-4
_SIZE = (96, 96)


def measure(seed: int) -> Figure:
    with tempfile.TemporaryDirectory(prefix="cnnforge-skew-") as name:
        shell = Shell(Path(name))
        data = photographs(Path(name) / "photographs", seed)
        directory = train(shell, data)
        table = (directory.predictions).read_text(encoding="utf-8")
        names = [row["name"] for row in rows(table)]
        found = {
            "the pixels of training and of a decoded file": pixels_apart(directory, data),
            "evaluate": apart(table, evaluated(shell, directory)),
            "predict": apart(table, predicted(replace(shell, environ=elsewhere(shell)), directory, data, names)),
            "serve": apart(table, served(directory, data, names)),
        }
        exported = exports(directory)
        theirs = keras_skew(directory, [data / name for name in names if name.endswith(".jpg")])
    largest = max(found.values())
    return Figure(
        ours=f"{largest:g} (pixels, `evaluate`, `predict`, `serve`); exports at most {max(exported.values()):.1g}",
        theirs="a network fed by `image_dataset_from_directory` and asked through `load_img`: pixels differ by"
        f" {theirs['mean']:.1f} of 255 on average, by {theirs['largest']:.0f} at most, probabilities by up to"
        f" {theirs['probability']:.2f}",
        count=f"{len(names)} photographs in 5 formats, {len(exported)} kinds of export",
        is_met=largest == 0 and max(exported.values()) <= TOLERANCE,
        details={"ours": found | exported, "theirs": theirs},
    )


def elsewhere(shell: Shell) -> dict[str, str]:
    """A cache without the stored pixels, so that everything is decoded again."""
    return {"CNNFORGE_CACHE_DIR": str(shell.folder / "another-cache")}


def rows(table: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(table)))


def probabilities(table: str) -> np.ndarray:
    """The probabilities of a table, in the order of its rows."""
    return np.array([[row["p_cat"], row["p_dog"]] for row in rows(table)], np.float32)


def apart(table: str, other: str | np.ndarray) -> float:
    """The largest difference of a probability."""
    found = probabilities(other) if isinstance(other, str) else other
    return float(np.abs(probabilities(table) - found).max())


def trained_run(directory: RunDir) -> Any:
    from tests.serving import load_run

    return load_run(directory)


def pixels_apart(directory: RunDir, data: Path) -> float:
    """The largest difference between what training was fed with and what a file decodes to."""
    from cnnforge.data.decoding import decode
    from cnnforge.data.preparing import open_source, prepare

    trained = trained_run(directory)
    fed = prepare(trained.resolved, open_source(trained.resolved), lambda done, total: None)
    usable = np.flatnonzero(fed.manifest.splits >= 0)
    pixels = fed.rows.gather(usable).astype(int)
    decoded = np.stack(
        [decode((data / fed.manifest.names[row]).read_bytes(), trained.decoding).pixels for row in usable]
    )
    return float(np.abs(pixels - decoded).max())


def evaluated(shell: Shell, directory: RunDir) -> str:
    shell.must("evaluate", directory.path)
    (path,) = directory.evaluations.glob("*/predictions.csv")
    return path.read_text(encoding="utf-8")


def predicted(shell: Shell, directory: RunDir, data: Path, names: list[str]) -> str:
    return shell.must("predict", directory.path, *(data / name for name in names), "--csv")


def served(directory: RunDir, data: Path, names: list[str]) -> np.ndarray:
    """Ask a server for each photograph, with what a client sends: the file alone."""
    from cnnforge_serve.limits import Limits
    from cnnforge_serve.service import Service
    from tests.serving import running

    found = []
    with running(Service(trained_run(directory), Limits())) as server:
        for name in names:
            answer = server.predict((data / name).read_bytes())
            found.append(answer.json()["predictions"][0]["probabilities"])
    return np.array([[item["cat"], item["dog"]] for item in found], np.float32)


def exports(directory: RunDir) -> dict[str, float]:
    """The largest difference of a probability for each format, each in its own runtime and process."""

    from cnnforge.host import Entry
    from cnnforge.system.reporter import Reporter
    from cnnforge_export import cnnforge_export_formats
    from cnnforge_export.export import export

    found = {}
    for spec in cnnforge_export_formats():
        entry, out = Entry(spec, "cnnforge:export"), directory.path.parent / spec.name
        facts = export(trained_run(directory), entry, spec.options(), out, Reporter())
        found[f"export {spec.name}"] = max(check["max_difference"] for check in facts["checks"])
    return found


def keras_skew(directory: RunDir, paths: list[Path]) -> dict[str, float]:
    """The same network fed as Keras's guides train, and as they predict."""
    import keras

    model = keras.saving.load_model(directory.model)
    folder = directory.path.parent / "jpeg"
    for label in ("cat", "dog"):
        (folder / label).mkdir(parents=True)
    for path in paths:
        (folder / path.parent.name / path.name).write_bytes(path.read_bytes())
    dataset = keras.utils.image_dataset_from_directory(
        folder, image_size=_SIZE, shuffle=False, batch_size=len(paths), verbose=False
    )
    trained = np.asarray(next(iter(dataset))[0])
    asked = np.stack(
        [keras.utils.img_to_array(keras.utils.load_img(path, target_size=_SIZE)) for path in dataset.file_paths]
    )
    both = [np.asarray(model(batch.astype(np.float32))) for batch in (trained, asked)]
    return {
        "mean": float(np.abs(trained - asked).mean()),
        "largest": float(np.abs(trained - asked).max()),
        "probability": float(np.abs(both[0] - both[1]).max()),
    }
