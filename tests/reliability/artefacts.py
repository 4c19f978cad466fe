"""The files that CNNForge writes: how each is written, the way the code writes it, and how readers read it.

Every artefact has versions 1 and 2 of the same file. ``write`` makes a version from the one before it (or from
nothing), ``read`` returns the version that a reader finds, and raises or returns -1 where it finds neither.
"""

from __future__ import annotations

import functools
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from cnnforge.data import store
from cnnforge.data.decoding import DecodeSettings
from cnnforge.data.manifest import Manifest
from cnnforge.data.scanned import ScannedImages
from cnnforge.evaluation.predictions import Predictions, read_predictions as read_back
from cnnforge.host import PluginHost, Registry
from cnnforge.network.arrays import read_arrays, write_arrays
from cnnforge.report import writing as report
from cnnforge.running.checkpoints import newest_checkpoint, next_path, publish
from cnnforge.running.run_dir import RunDir
from cnnforge.system import files
from cnnforge.system.files import read_lines
from cnnforge_tuning.journal import Journal

TORN = -1


@dataclass(frozen=True)
class Artefact:
    """A file, or several that belong together, in a folder of their own."""

    name: str
    write: Callable[[Path, int], None]
    read: Callable[[Path], int]


def arrays(version: int) -> dict[str, np.ndarray]:
    return {"one": np.full(3000, version, np.float32), "two": np.full(10, version, np.int64)}


def one_version(found: dict[str, np.ndarray]) -> int:
    """Return the version that all arrays are of."""
    values = {int(value) for array in found.values() for value in np.unique(array)}
    return values.pop() if len(values) == 1 else TORN


def write_checkpoint(folder: Path, version: int) -> None:
    path = next_path(folder)
    best = folder / f"best-{version:04}.npz"
    written = {best.name: write_arrays(best, arrays(version))}
    written[path.with_suffix(".npz").name] = write_arrays(path.with_suffix(".npz"), arrays(version))
    publish(path, {"epoch": version, "batch": 0, "files": written})


def read_checkpoint(folder: Path) -> int:
    damaged: list[str] = []
    found = newest_checkpoint(folder, damaged.append)
    if found is None or damaged:
        return TORN
    state = read_arrays(found.state)
    best = read_arrays(folder / f"best-{found.epoch:04}.npz")
    return found.epoch if one_version(state) == one_version(best) == found.epoch else TORN


def write_best(folder: Path, version: int) -> None:
    directory = RunDir(folder)
    path = directory.checkpoints / f"best-{version:04}.npz"
    weights = {"epoch": version, "file": path.name, "sha256": write_arrays(path, arrays(version))}
    if directory.run_json.exists():
        directory.update_run(weights=weights)
    else:
        files.write_json(directory.run_json, {"weights": weights})


def read_best(folder: Path) -> int:
    directory = RunDir(folder)
    if files.sha256(directory.best_weights) != directory.read_run()["weights"]["sha256"]:
        return TORN
    return one_version(read_arrays(directory.best_weights))


def write_model(folder: Path, version: int) -> None:
    """Save a network as ``training/run.py`` does."""
    import keras

    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(40, name="dense")])
    model.set_weights([np.full(weight.shape, version, np.float32) for weight in model.get_weights()])
    with files.replacing(RunDir(folder).model) as temporary:
        model.save(temporary)


def read_model(folder: Path) -> int:
    """Return the version of the weights in a Keras file, without Keras: who forks must not start TensorFlow."""
    import h5py

    with zipfile.ZipFile(RunDir(folder).model) as archive:
        if archive.testzip() is not None:
            return TORN
        json.loads(archive.read("config.json"))
        with archive.open("model.weights.h5") as file, h5py.File(file) as weights:
            found: dict[str, np.ndarray] = {}
            weights.visititems(lambda name, item: found.update({name: item[:]}) if hasattr(item, "shape") else None)
            return one_version(found)


def write_run(folder: Path, version: int) -> None:
    directory = RunDir(folder)
    facts = {"version": version, "long": [version] * 200}
    if directory.run_json.exists():
        directory.update_run(**facts)
    else:
        files.write_json(directory.run_json, {"recipe": "small", **facts})


def read_run(folder: Path) -> int:
    facts = RunDir(folder).read_run()
    return int(facts["version"]) if facts["long"] == [facts["version"]] * 200 and facts["recipe"] == "small" else TORN


def write_manifest(folder: Path, version: int) -> None:
    names = [f"cat/{version}-{number}.jpg" for number in range(40)]
    scanned = ScannedImages.empty(len(names))
    Manifest(("cat", "dog"), names, np.zeros(40, np.int32), np.zeros(40, np.int8), scanned, {}).write(
        RunDir(folder).manifest
    )


def read_manifest(folder: Path) -> int:
    names = [line["name"] for line in read_lines(RunDir(folder).manifest)]
    version = int(names[0][4])
    return version if names == [f"cat/{version}-{number}.jpg" for number in range(40)] else TORN


def write_metrics(folder: Path, version: int) -> None:
    """Train one more epoch: what a resumed run knows is written anew, then a line is appended."""
    from cnnforge.training.callbacks import MetricsLog

    directory = RunDir(folder)
    feed: Any = SimpleNamespace(rows=range(100), ready_time=lambda batch: 0.0)
    log = MetricsLog(directory.metrics)
    log.feed = feed
    log.set_model(SimpleNamespace(optimizer=SimpleNamespace(learning_rate=0.5)))
    log.set_state({"history": list(read_lines(directory.metrics)), "waiting": 0.0, "training": 1.0})
    log.on_epoch_end(version - 1, {f"metric_{number}": float(version) for number in range(30)})


def read_metrics(folder: Path) -> int:
    """Return how many epochs a reader finds; a resumed run writes what the checkpoint remembers of the rest."""
    lines = list(read_lines(RunDir(folder).metrics))
    is_right = all(
        line["epoch"] == number and len(line) == 36 and line["metric_29"] == number
        for number, line in enumerate(lines, start=1)
    )
    return len(lines) if is_right else TORN


def write_predictions(folder: Path, version: int) -> None:
    probabilities = np.full((60, 2), version / 4, np.float32)
    names = [f"{number}.jpg" for number in range(60)]
    Predictions("test", ("cat", "dog"), names, np.zeros(60, np.int64), probabilities).write(RunDir(folder).predictions)


def read_predictions(folder: Path) -> int:
    found = read_back(RunDir(folder).predictions, "test")
    return one_version({"p": found.probabilities * 4}) if len(found.names) == 60 else TORN


def write_report(folder: Path, version: int) -> None:
    directory = RunDir(folder)
    files.write_json(directory.run_json, {"status": "finished", "recipe": f"version {version}."})
    report.write_report(directory.path, Registry(PluginHost()))


def read_report(folder: Path) -> int:
    text = RunDir(folder).report.read_text(encoding="utf-8")
    versions = [version for version in (1, 2) if f"version {version}." in text]
    return versions[0] if len(versions) == 1 and text.rstrip().endswith("</html>") else TORN


def write_journal(folder: Path, version: int) -> None:
    Journal(folder / "journal.jsonl").append("ask", trial=f"{version - 1:04}", values={"x": [version] * 300})


def read_journal(folder: Path) -> int:
    journal = Journal(folder / "journal.jsonl")
    events = journal.read()
    numbers = [event["values"]["x"] for event in events]
    journal.append("tell", trial="9999")  # what follows a torn line must be whole too
    is_whole = [event["event"] for event in journal.read()] == ["ask"] * len(events) + ["tell"]
    return len(events) if is_whole and numbers == [[n] * 300 for n in range(1, len(events) + 1)] else TORN


def write_store(folder: Path, version: int) -> None:
    with at_cache(folder), store.locked("k"), store.building("k", "here", SETTINGS, identities(version)) as building:
        (building / store.IMAGES).write_bytes(bytes([version]) * 4000)


def read_store(folder: Path) -> int:
    """Return the version of a store that runs would use; where there is none they build it again."""
    with at_cache(folder):
        found = store.find("k")
        if found is None:
            return 1
        pixels = set((found / store.IMAGES).read_bytes())
        is_whole = (found / store.IMAGES).stat().st_size == 4000 and len(pixels) == 1
        version = pixels.pop() if is_whole else TORN
        return version if np.array_equal(store.load_identities(found), identities(version)) else TORN


SETTINGS = DecodeSettings(2, 2)


def identities(version: int) -> np.ndarray:
    return store.identities([str(number) for number in range(60)], [str(version)] * 60)


def at_cache(folder: Path) -> Any:
    from unittest import mock

    return mock.patch.dict("os.environ", {"CNNFORGE_CACHE_DIR": str(folder / "cache")})


RANDOM = "tuning.algorithm=random"


def write_study(folder: Path, version: int) -> None:
    """Ask for a trial and tell what came of it; Keras Tuner's oracle writes its own files meanwhile."""
    from cnnforge_tuning.trial import Outcome
    from tests.unit.tuning.conftest import make_study

    study = make_study(folder, RANDOM)
    trial = next((trial for trial in study.trials.values() if not trial.is_over), None) or study.next_trial()
    study.conclude(trial, Outcome("finished", [version / 10]), 1.0)


def read_study(folder: Path) -> int:
    """Return how many trials are over, if all values asked for, and the next ones, are what they would have been."""
    from tests.unit.tuning.conftest import make_study

    study = make_study(folder, RANDOM)
    num_over = sum(trial.is_over for trial in study.trials.values())
    while len(study.trials) < 3:
        study.next_trial()
    values = [trial.values for trial in study.trials.values()]
    return num_over if values == undisturbed_values() else TORN


@functools.cache
def undisturbed_values() -> list[Any]:
    import tempfile

    from tests.unit.tuning.conftest import make_study

    with tempfile.TemporaryDirectory() as name:
        for version in (1, 2):
            write_study(Path(name), version)
        study = make_study(Path(name), RANDOM)
        study.next_trial()
        return [trial.values for trial in study.trials.values()]


ARTEFACTS = (
    Artefact("checkpoint", write_checkpoint, read_checkpoint),
    Artefact("best weights", write_best, read_best),
    Artefact("model.keras", write_model, read_model),
    Artefact("run.json", write_run, read_run),
    Artefact("manifest.jsonl", write_manifest, read_manifest),
    Artefact("metrics.jsonl", write_metrics, read_metrics),
    Artefact("predictions.csv", write_predictions, read_predictions),
    Artefact("report.html", write_report, read_report),
    Artefact("a study's journal", write_journal, read_journal),
    Artefact("a search's oracle", write_study, read_study),
    Artefact("image store", write_store, read_store),
)


def write_carelessly(folder: Path, version: int) -> None:
    (folder / "file.txt").write_text(f"{version}\n" * 100, encoding="utf-8")


def read_careless(folder: Path) -> int:
    lines = (folder / "file.txt").read_text(encoding="utf-8").splitlines()
    return int(lines[0]) if len(lines) == 100 and len(set(lines)) == 1 else TORN


CARELESS = Artefact("a file written in place", write_carelessly, read_careless)
"""Not CNNForge's: it shows that the faults tear files that are not written with care."""
