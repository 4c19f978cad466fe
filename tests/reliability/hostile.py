"""Figure 7: files made to run code, to write or read elsewhere, or to take a machine's memory; and good ones."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cnnforge.errors import CnnforgeError
from tests.reliability.corpus import SECRET, Entry, Place, good, hostile
from tests.reliability.figure import Figure

MAX_BYTES = 12_000_000_000  # of address space, for a process that opens one file
MAX_SECONDS = 120
Open = Callable[[Path], bytes]
"""Opens a file, does with it what people do, and returns what was loaded as bytes."""


@dataclass(frozen=True)
class Seen:
    """What came of opening a file: ``opened``, ``refused``, ``crashed`` or ``hung``, and what it did."""

    ended: str
    ran: bool = False
    wrote: tuple[str, ...] = ()
    leaked: bool = False
    said: str = ""

    @property
    def is_harmless(self) -> bool:
        return not (self.ran or self.wrote or self.leaked)


def measure(seed: int) -> Figure:
    from tests.reliability import keras_corpus

    import_everything()
    files = [*hostile(), *good(), *keras_corpus.HOSTILE, *keras_corpus.GOOD]
    ours = {entry: seen(entry, OURS[entry.kind]) for entry in files if entry.kind in OURS}
    theirs = {entry: seen(entry, THEIRS[entry.kind]) for entry in files if entry.kind in THEIRS}
    # Where nobody is careful the payloads have to do something, or the corpus would show nothing.
    careless = [seen(entry, CARELESS[entry.kind]) for entry in files if entry.kind in CARELESS and not entry.is_good]
    num_acting = sum(not what.is_harmless for what in careless)
    for side, found in (("ours", ours), ("theirs", theirs)):
        for entry, what in found.items():
            if not what.is_harmless or what.ended in {"crashed", "hung"} or entry.is_good == (what.ended != "opened"):
                print(f"   {side}, {entry}{' (good)' if entry.is_good else ''}: {what}", flush=True)
    own, other = counts(ours), counts(theirs)
    is_open = "" if "keras" in OURS else "; foreign .keras files are not opened at all"
    return Figure(
        ours=f"{own['ran']}; {own['wrote']}; {own['refused']}",
        theirs=f"{other['ran'] + other['leaked']}; {other['wrote']}; {other['refused']}; {other['ended badly']} end"
        f" without memory or stack; with `safe_mode=False` and `allow_pickle=True` {num_acting} payloads act",
        count=f"{sum(not e.is_good for e in ours)} hostile and {sum(e.is_good for e in ours)} good files;"
        f" {sum(not e.is_good for e in theirs)} and {sum(e.is_good for e in theirs)} in Keras{is_open}",
        is_met=not any(own.values()) and num_acting > 0,
        details={"ours": own, "theirs": other}
        | {"theirs not harmless": {str(e): asdict(w) for e, w in theirs.items() if not w.is_harmless}},
    )


def counts(found: dict[Entry, Seen]) -> dict[str, int]:
    """Return how many files did what; ``opened`` hostile ones are no fault if they did nothing."""
    return {
        "ran": sum(what.ran for what in found.values()),
        "leaked": sum(what.leaked for what in found.values()),
        "wrote": sum(len(what.wrote) for what in found.values()),
        "refused": sum(entry.is_good and what.ended != "opened" for entry, what in found.items()),
        "ended badly": sum(what.ended in {"crashed", "hung"} for what in found.values()),
    }


def import_everything() -> None:
    """Import once what the forked processes need; TensorFlow must not be used here."""
    import h5py  # noqa: F401
    import tensorflow  # noqa: F401

    import tests.serving  # noqa: F401


def seen(entry: Entry, open_: Open) -> Seen:
    """Make a file in a place of its own, open it in a process of its own, and look at what happened."""
    with tempfile.TemporaryDirectory(prefix="cnnforge-hostile-") as name:
        root = Path(name)
        work = root / "a" / "b" / "work"  # deep, so that what leads out is still seen
        work.mkdir(parents=True)
        place = Place(work.with_name("given"), root / "canary", root / "secret")
        place.folder.mkdir()
        place.secret.write_bytes(SECRET)
        path = root / "path"
        assert child(lambda: path.write_text(str(entry.make(place)), encoding="utf-8"), work)[0] == "opened", entry
        path = Path(path.read_text(encoding="utf-8"))
        before = set(root.rglob("*"))
        ended, said = child(lambda: (root / "loaded").write_bytes(open_(path)), work)
        loaded = (root / "loaded").read_bytes() if (root / "loaded").exists() else b""
        new = {found for found in set(root.rglob("*")) - before if work not in found.parents} - {root / "loaded"}
        outside = tuple(sorted(str(found.relative_to(root)) for found in new - {place.canary}))
        return Seen(ended, place.canary.exists(), outside, SECRET.split(b",")[0] in loaded, said)


def child(do: Callable[[], object], work: Path) -> tuple[str, str]:
    """Do something in a forked process with limits, in a working folder; return how it ended."""
    said = work / "said"
    process = os.fork()
    if not process:
        code = 98
        with contextlib.suppress(BaseException), said.open("wb", buffering=0) as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            code = _do(do, work)
        os._exit(code)
    deadline = time.monotonic() + MAX_SECONDS
    while time.monotonic() < deadline:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            words = said.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:] or [""]
            return {0: "opened", 3: "refused"}.get(code, "crashed"), f"{code} {words[0][:200]}"
        time.sleep(0.005)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return "hung", ""


def _do(do: Callable[[], object], work: Path) -> int:
    os.chdir(work)
    sys.path.insert(0, str(work.with_name("given")))  # whoever starts Python beside a file has its folder there
    os.environ |= dict.fromkeys(("HOME", "KERAS_HOME", "CNNFORGE_CACHE_DIR"), str(work))
    resource.setrlimit(resource.RLIMIT_AS, (MAX_BYTES, MAX_BYTES))
    try:
        do()
    except BaseException as error:
        print(type(error).__name__, " ".join(str(error).split())[:200], flush=True)
        is_refusal = isinstance(error, Exception) and not isinstance(error, MemoryError | RecursionError | SystemError)
        return 3 if is_refusal else 97
    return 0


def ours(open_: Open) -> Open:
    """Let only CNNForge's own errors count as refusing."""

    def opened(path: Path) -> bytes:
        try:
            return open_(path)
        except CnnforgeError:
            raise
        except Exception as error:
            raise SystemError(f"no error of CNNForge: {type(error).__name__}: {error}") from error

    return opened


def open_weights(path: Path) -> bytes:
    from cnnforge.network.arrays import read_arrays

    return b"".join(array.tobytes() for array in read_arrays(path).values())


def open_archive(path: Path) -> bytes:
    from cnnforge.images.opening import open_files

    files = open_files(path)
    return b"".join(files.read(file.name) for file in files.files)


def open_recipe(path: Path) -> bytes:
    from cnnforge.host.plugin_host import PluginHost
    from cnnforge.host.registry import Registry
    from cnnforge.recipe.loading import load_recipe
    from cnnforge.recipe.resolving import resolve

    registry = Registry(PluginHost.discover({"CNNFORGE_LOAD_PLUGINS": ""}))
    return resolve(load_recipe(str(path), registry), registry).recipe.to_toml().encode()


def open_run(path: Path) -> bytes:
    from cnnforge.running.run_dir import RunDir
    from tests.serving import load_run

    return _weights(load_run(RunDir(path)).model)


def _weights(model: Any) -> bytes:
    import numpy as np

    model.predict(np.zeros((1, *model.input_shape[1:]), np.float32), verbose=0)
    return b"".join(np.asarray(weight).tobytes() for weight in model.get_weights())


def keras_of_theirs(path: Path) -> bytes:
    """Load a model and use it once, in Keras's safe mode, which is its default."""
    import keras

    model = keras.saving.load_model(path)
    found = _weights(model)
    words = [layer.get_vocabulary() for layer in model.layers if hasattr(layer, "get_vocabulary")]
    return found + json.dumps(words).encode()


def archive_of_theirs(path: Path) -> bytes:
    import keras

    folder = Path(keras.utils.get_file(origin=path.as_uri(), extract=True, cache_dir=str(Path.cwd())))
    return b"".join(found.read_bytes() for found in folder.rglob("*") if found.is_file())


def arrays_of_theirs(path: Path) -> bytes:
    import numpy as np

    with np.load(path) as arrays:
        return b"".join(arrays[name].tobytes() for name in arrays.files)


OURS: dict[str, Open] = {
    "weights": ours(open_weights),
    "archive": ours(open_archive),
    "recipe": ours(open_recipe),
    "run": ours(open_run),
}


def keras_carelessly(path: Path) -> bytes:
    import keras

    keras.config.enable_unsafe_deserialization()
    return keras_of_theirs(path)


def arrays_carelessly(path: Path) -> bytes:
    import numpy as np

    found = np.load(path, allow_pickle=True)
    return b"".join(found[name].tobytes() for name in found.files)


CARELESS: dict[str, Open] = {"keras": keras_carelessly, "weights": arrays_carelessly}
THEIRS: dict[str, Open] = {"keras": keras_of_theirs, "archive": archive_of_theirs, "weights": arrays_of_theirs}

with contextlib.suppress(ImportError):
    from cnnforge_keras_files import load_keras_file

    OURS["keras"] = ours(lambda path: _weights(load_keras_file(path)))


def main() -> None:
    """Open the files of the kinds that are named, and say which are not dealt with as they should be."""
    import_everything()
    kinds = sys.argv[1:]
    found = {entry: seen(entry, OURS[entry.kind]) for entry in [*hostile(), *good()] if entry.kind in kinds}
    bad = {
        str(entry): what
        for entry, what in found.items()
        if not what.is_harmless or what.ended != ("opened" if entry.is_good else "refused")
    }
    print(f"{len(found)} files; {bad}")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
