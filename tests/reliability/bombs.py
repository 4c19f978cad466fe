"""Figure 8: small files that want to become large ones, and what they take of memory and time."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cnnforge.running.run_dir import RunDir
from tests.reliability.figure import Figure
from tests.reliability.shell import Shell, photographs, train
from tests.unit.data.image_cases import BOMBS, JPEG

MAX_MEGABYTES, MAX_SECONDS = 256, 2.0


@dataclass(frozen=True)
class Taken:
    """What bombs took more than good files did: peak memory in MB, and seconds."""

    megabytes: float
    seconds: float

    @property
    def is_little(self) -> bool:
        return self.megabytes <= MAX_MEGABYTES and self.seconds <= MAX_SECONDS


def measure(seed: int) -> Figure:
    with tempfile.TemporaryDirectory(prefix="cnnforge-bombs-") as name:
        shell = Shell(Path(name))
        bombs = written_bombs(Path(name) / "bombs")
        plain = plain_decoders(bombs)  # before anything uses TensorFlow here: it forks
        arrays = weights()
        data = photographs(Path(name) / "photographs", seed, per_class=20)
        directory = train(shell, data)
        ours = {
            "scan": scan(shell, data, bombs),
            "predict": predict(shell, directory, sorted(data.rglob("*.jpg")), bombs),
            "serve": serve(directory, bombs),
            "weights": arrays,
        }
    worst = Taken(max(t.megabytes for t in ours.values()), max(t.seconds for t in ours.values()))
    theirs = {what: Taken(max(t.megabytes for t in all_), max(t.seconds for t in all_)) for what, all_ in plain.items()}
    return Figure(
        ours=f"at most {worst.megabytes:.0f} MB and {worst.seconds:.1f} s for all of them together",
        theirs="; ".join(
            f"{what} up to {t.megabytes:.0f} MB and {t.seconds:.1f} s for one" for what, t in theirs.items()
        ),
        count=f"{len(BOMBS)} images and {len(HOSTILE_ARRAYS)} files of weights; scan, predict, serve, load",
        is_met=all(taken.is_little for taken in ours.values()),
        details={"ours": {k: [t.megabytes, t.seconds] for k, t in ours.items()}}
        | {"theirs": {k: [t.megabytes, t.seconds] for k, t in theirs.items()}},
    )


def written_bombs(folder: Path) -> list[Path]:
    """Write the bombs of the catalogue, one file each."""
    paths = [folder / f"{number}.{'png' if 'PNG' in case.name else 'jpg'}" for number, case in enumerate(BOMBS)]
    folder.mkdir()
    for path, case in zip(paths, BOMBS, strict=True):
        path.write_bytes(case.make())
    return paths


def call(command: Sequence[str], shell: Shell) -> Taken:
    """Run a command and return its peak memory and seconds."""
    start = time.monotonic()
    with (shell.folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            command, cwd=shell.folder, env=shell.environment, stdout=output, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, (shell.folder / "output.txt").read_text(encoding="utf-8")
    return Taken(usage.ru_maxrss / 1024, time.monotonic() - start)


def more(with_bombs: Taken, without: Taken) -> Taken:
    return Taken(max(0.0, with_bombs.megabytes - without.megabytes), max(0.0, with_bombs.seconds - without.seconds))


def scan(shell: Shell, data: Path, bombs: list[Path]) -> Taken:
    """Read a folder of photographs, and the same with bombs among them, never seen before."""
    options = ["--set", "data.max_unreadable=0.5", "--set", "data.store=off"]
    command = shell.command("data", "check", data, *options)
    call(command, shell)  # so that files and bytecode are in the system's cache
    without = call(shell.command("data", "check", data, *options, "--set", "data.image_size=[95,95]"), shell)
    for bomb in bombs:
        os.link(bomb, data / "cat" / f"bomb-{bomb.name}")
    found = call(shell.command("data", "check", data, *options, "--set", "data.image_size=[94,94]"), shell)
    for bomb in bombs:
        (data / "cat" / f"bomb-{bomb.name}").unlink()
    return more(found, without)


def predict(shell: Shell, directory: RunDir, good: list[Path], bombs: list[Path]) -> Taken:
    command = shell.command("predict", directory.path, "--csv")
    call([*command, *map(str, good)], shell)
    without = call([*command, *map(str, good)], shell)
    return more(call([*command, *map(str, [*good, *bombs])], shell), without)


def serve(directory: RunDir, bombs: list[Path]) -> Taken:
    """Upload each bomb to a server, and find it as well afterwards as before."""
    from tests.e2e.serve.conftest import serving

    with (
        tempfile.TemporaryDirectory() as folder,
        serving(directory, Path(folder)) as served,
        served.client() as client,
    ):
        status = Path(f"/proc/{served.process.pid}/status")

        def peak() -> int:
            lines = status.read_text(encoding="utf-8").splitlines()
            return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

        assert client.post("/predict", content=JPEG).status_code == 200
        before, start = peak(), time.monotonic()
        for bomb in bombs:
            assert client.post("/predict", content=bomb.read_bytes()).status_code == 422, bomb
        seconds = time.monotonic() - start
        assert client.post("/predict", content=JPEG).status_code == 200
        return Taken((peak() - before) / 1024, seconds)


def _hostile_arrays() -> dict[str, Callable[[], bytes]]:
    from tests.unit.network.test_arrays import HOSTILE

    return {name: make for name, make in HOSTILE.items() if "3 GB" in name or "bomb" in name or "larger" in name}


HOSTILE_ARRAYS = _hostile_arrays()


def weights() -> Taken:
    """Read files of weights that claim to be larger than they are."""
    from cnnforge.errors import StorageError
    from cnnforge.network.arrays import read_arrays, write_arrays

    with tempfile.TemporaryDirectory() as folder:
        import numpy as np

        good = Path(folder) / "good.npz"
        write_arrays(good, {"one": np.zeros(1000, np.float32)})
        paths = []
        for number, make in enumerate(HOSTILE_ARRAYS.values()):
            paths.append(Path(folder) / f"{number}.npz")
            paths[-1].write_bytes(make())

        def read() -> None:
            for path in paths:
                try:
                    read_arrays(path)
                except StorageError:
                    continue
                raise AssertionError(path)

        return in_child(lambda: read_arrays(good), read)


def in_child(first: Callable[[], object], then: Callable[[], object]) -> Taken:
    """Do two things in a forked process and return what the second took."""
    reading, writing = os.pipe()
    process = os.fork()
    if not process:
        try:
            first()
            before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
            then()
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            os.write(writing, json.dumps([grown / 1024, time.monotonic() - start]).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    os.waitpid(process, 0)
    assert text, "the process ended before it could tell"
    return Taken(*json.loads(text))


def plain_decoders(bombs: list[Path]) -> dict[str, list[Taken]]:
    """Decode each bomb as ``image_dataset_from_directory`` and ``load_img`` do."""
    import keras
    import tensorflow as tf

    def tensorflow(path: Path) -> None:
        content = tf.io.read_file(str(path))
        with contextlib.suppress(tf.errors.InvalidArgumentError):
            tf.image.resize(tf.io.decode_image(content, channels=3, expand_animations=False), (96, 96)).numpy()

    def pillow(path: Path) -> None:
        try:
            keras.utils.img_to_array(keras.utils.load_img(path, target_size=(96, 96)))
        except (OSError, ValueError):  # Pillow's errors of bombs among them
            pass
        except Exception as error:
            assert type(error).__name__ == "DecompressionBombError", error

    good = bombs[0].with_name("good.jpg")
    good.write_bytes(JPEG)
    return {
        "`image_dataset_from_directory`": [
            in_child(lambda: tensorflow(good), lambda p=b: tensorflow(p)) for b in bombs
        ],
        "`load_img`": [in_child(lambda: pillow(good), lambda p=b: pillow(p)) for b in bombs],
    }
