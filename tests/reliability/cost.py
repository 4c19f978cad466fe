"""Figure 9: what checkpoints cost, and how long a run takes to save and go when it is told to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks import resume_cost
from tests.reliability.figure import Figure
from tests.unit.data.image_cases import encode

MAX_SHARE, MAX_SECONDS = 0.02, 10.0
_EPOCHS = 3
_SECONDS_INTO_EPOCH = 1.5
NUM_IMAGES, _SIDE = 20_000, 180
_ARCHIVE = "kagglecatsanddogs_180px.zip"


def measure(seed: int) -> Figure:
    archive = Path(os.environ.get("CNNFORGE_PHOTOGRAPHS", "nowhere")) / _ARCHIVE
    with tempfile.TemporaryDirectory(prefix="cnnforge-cost-") as name:
        are_photographs = archive.exists()
        given = ["--data", str(archive if are_photographs else drawn(Path(name) / "drawn.zip", seed))]
        stopped = resume_cost.stop(Path(name), given, _SECONDS_INTO_EPOCH)
        theirs = plain_stop(Path(name))
        cost = resume_cost.share_of_time(Path(name), given, _EPOCHS)
        saves = plain_saves(Path(name))
    share = sum(saves) / (cost.training / _EPOCHS)
    return Figure(
        ours=f"{cost.share:.1%}; {stopped.seconds:.1f} s, nothing lost",
        theirs=f"`BackupAndRestore` and `ModelCheckpoint` after each epoch {share:.1%}; SIGTERM ends the process in"
        f" {theirs['seconds']:.2f} s, and the {theirs['lost batches']} batches of its epoch are lost",
        count=f"{len(cost.checkpoints)} checkpoints of {cost.num_bytes / 1e6:.0f} MB in {cost.training:.0f} s of"
        f" training on {NUM_IMAGES:,} {'photographs' if are_photographs else 'drawn pictures'} of {_SIDE} pixels",
        is_met=cost.share <= MAX_SHARE and stopped.seconds <= MAX_SECONDS and stopped.code == 128 + signal.SIGTERM,
        details={
            "checkpoint seconds": [round(seconds, 3) for seconds in cost.checkpoints],
            "best weights seconds": round(cost.best, 3),
            "Keras seconds an epoch": [round(seconds, 3) for seconds in saves],
            "saved on SIGTERM": f"{stopped.epoch} epochs and {stopped.batch} batches",
            "Keras on SIGTERM": theirs,
        },
    )


def drawn(path: Path, seed: int) -> Path:
    """Write an archive of as many pictures as there are photographs, so that epochs are as long."""
    generator = np.random.default_rng(seed)
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(NUM_IMAGES):
            name = ("cat", "dog")[number % 2]
            small = generator.integers(0, 256, (6, 6, 3), np.uint8)
            pixels = small.repeat(_SIDE // 6, axis=0).repeat(_SIDE // 6, axis=1)
            archive.writestr(f"{name}.{number // 2}.jpg", encode(pixels))
    return path


def plain_saves(folder: Path) -> list[float]:
    """Return how long ``BackupAndRestore`` and ``ModelCheckpoint`` take to save the same network after an epoch."""
    import keras

    callbacks = keras.callbacks
    model = classic_network()
    seconds = []
    for callback in (
        callbacks.BackupAndRestore(str(folder / "backup")),
        callbacks.ModelCheckpoint(str(folder / "best.keras")),
    ):
        callback.set_model(model)
        callback.on_train_begin()
        start = time.perf_counter()
        callback.on_epoch_end(0, {"val_loss": 1.0})
        seconds.append(time.perf_counter() - start)
    return seconds


def classic_network() -> Any:
    """The classic network, compiled, with the variables that its optimizer has in training."""
    import keras

    from cnnforge_catsdogs import CatsDogsCnnOptions
    from cnnforge_catsdogs.model import build

    model = build(CatsDogsCnnOptions(), input_shape=(150, 150, 3), num_classes=2)
    model.compile(optimizer=keras.optimizers.RMSprop(0.001), loss="binary_crossentropy")
    model.optimizer.build(model.trainable_variables)
    return model


_TRAINING = """
import sys, keras, numpy as np
from pathlib import Path

folder = Path(sys.argv[1])
class Batches(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch
    def on_train_batch_end(self, batch, logs=None):
        (folder / "batches").write_text(f"{self.epoch} {batch + 1}")

model = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Conv2D(8, 3), keras.layers.Flatten(),
                          keras.layers.Dense(1, activation="sigmoid")])
model.compile("sgd", "binary_crossentropy")
images, labels = np.zeros((20000, 32, 32, 3), np.float32), np.zeros((20000, 1), np.float32)
model.fit(images, labels, epochs=1000, batch_size=8, verbose=0,
          callbacks=[keras.callbacks.BackupAndRestore(str(folder / "state")), Batches()])
"""


def plain_stop(folder: Path) -> dict[str, Any]:
    """Send SIGTERM to a training of plain Keras in its second epoch, and see what is left of the epoch."""
    folder = Path(tempfile.mkdtemp(dir=folder))
    with subprocess.Popen([sys.executable, "-c", _TRAINING, str(folder)], stderr=subprocess.DEVNULL) as process:
        while (position := _position(folder))[0] < 1 or position[1] < 50:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        start = time.perf_counter()
        code = process.wait()
        seconds = time.perf_counter() - start
    saved = json.loads((folder / "state" / "training_metadata.json").read_text(encoding="utf-8"))
    epoch, batch = _position(folder)
    return {"code": code, "seconds": seconds, "saved": saved, "lost batches": batch if saved["epoch"] <= epoch else 0}


def _position(folder: Path) -> tuple[int, int]:
    try:
        epoch, batch = (folder / "batches").read_text().split()
    except (OSError, ValueError):
        return 0, 0
    return int(epoch), int(batch)
