"""Figure 2: a fault at any moment while a file is written leaves the old file or the new one, never a torn one."""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cnnforge.errors import CnnforgeError
from tests.reliability.artefacts import ARTEFACTS, CARELESS, Artefact
from tests.reliability.figure import Figure, share
from tests.reliability.injection import KINDS, Disk, failing

NUM_FAULTS = 200
_PIECES = 40  # of which a file is written, so that most faults fall into its middle
_DONE, _REFUSED = 0, 3


@dataclass
class Tally:
    """What became of the faults in one artefact: ``torn`` names the faults that left neither version."""

    name: str
    faults: int = 0
    survived: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    torn: list[str] = field(default_factory=list)


def measure(seed: int) -> Figure:
    from tests.reliability.plain_artefacts import PLAIN, killed_by_the_clock

    import_everything()
    ours = [faults(artefact, seed, NUM_FAULTS) for artefact in ARTEFACTS]
    theirs = [faults(artefact, seed, NUM_FAULTS) for artefact in PLAIN]
    theirs += [killed_by_the_clock(what, seed) for what in ("BackupAndRestore", "ModelCheckpoint")]
    for tally in [*ours, *theirs]:
        print(f"   {tally.name}: {share(tally.survived, tally.faults)}; {tally.torn[:2]}", flush=True)
    total = sum(tally.faults for tally in ours)
    survived = sum(tally.survived for tally in ours)
    return Figure(
        ours=f"{share(survived, total)}",
        theirs="; ".join(f"{tally.name} {100 * tally.survived / tally.faults:.0f} %" for tally in theirs),
        count=f"{total:,} faults in {len(ours)} files; {sum(t.faults for t in theirs):,} in {len(theirs)} of Keras's",
        is_met=survived == total and all(tally.faults >= NUM_FAULTS for tally in ours),
        details={
            "ours": {tally.name: [tally.survived, tally.faults] for tally in ours},
            "theirs": {tally.name: [tally.survived, tally.faults] for tally in theirs},
            "kinds": dict(sum((tally.kinds for tally in ours), Counter())),
        },
    )


def import_everything() -> None:
    """Import once what all forked processes need; TensorFlow must not be used here, or they would hang."""
    import h5py  # noqa: F401

    import cnnforge.training.callbacks  # noqa: F401
    from cnnforge_tuning.oracle import import_keras_tuner

    import_keras_tuner()
    # Keras Tuner's own way to do without TensorFlow's files, whose writing nobody can look into.
    __import__("keras_tuner.src.backend.io").src.backend.io.tf = None


def faults(artefact: Artefact, seed: int, number: int) -> Tally:
    """Bring faults about at every event of a write, or at as many as are asked for, and look at what is left."""
    tally = Tally(artefact.name)
    with tempfile.TemporaryDirectory(prefix="cnnforge-writes-") as name:
        template = Path(name) / "old"
        template.mkdir()
        assert in_child(lambda: artefact.write(template, 1)) == _DONE, artefact.name
        place = Path(name) / "place"
        num_events, num_bytes = count(artefact, template, place, 1 << 30)
        piece = max(1, num_bytes // _PIECES)
        num_events, _ = count(artefact, template, place, piece)
        generator = random.Random(f"{seed} {artefact.name}")
        moments = [(event, kind) for event in range(num_events) for kind in KINDS]
        chosen = sorted(generator.sample(moments, number)) if number < len(moments) else moments
        for event, kind in chosen:
            one_fault(artefact, template, place, Disk(place, event, kind, piece), tally)
    return tally


def count(artefact: Artefact, template: Path, place: Path, piece: int) -> tuple[int, int]:
    """Return how many things a write does to files, and how many bytes it writes."""
    fresh(template, place)
    read, write = os.pipe()

    def counted() -> None:
        with failing(Disk(place, piece=piece)) as disk:
            artefact.write(place, 2)
        os.write(write, f"{disk.count} {disk.num_bytes}".encode())

    assert in_child(counted) == _DONE, artefact.name
    os.close(write)
    with os.fdopen(read) as pipe:
        num_events, num_bytes = map(int, pipe.read().split())
    assert artefact.read(place) == 2, artefact.name
    return num_events, num_bytes


def one_fault(artefact: Artefact, template: Path, place: Path, disk: Disk, tally: Tally) -> None:
    fresh(template, place)
    assert disk.at is not None

    def write() -> None:
        with failing(disk):
            artefact.write(place, 2)

    code = in_child(write)
    fault = f"{disk.kind} at event {disk.at}"
    tally.faults += 1
    tally.kinds[disk.kind] += 1
    try:
        left = sorted(path.name for path in place.rglob(".*-????????*")) if code >= 0 else []
        found = artefact.read(place)
    except (Exception, SystemExit) as error:  # whatever a reader stumbles over
        tally.torn.append(f"{fault}: {type(error).__name__}: {str(error)[:150]}")
        return
    expected = {_DONE: (2,), _REFUSED: (1, 2), -signal.SIGKILL: (1, 2)}.get(code, ())
    if found not in expected:
        tally.torn.append(f"{fault}: exit {code}, found version {found}")
    elif left and disk.kind == "disk full":
        tally.torn.append(f"{fault}: {left} stayed")
    else:
        tally.survived += 1


def fresh(template: Path, place: Path) -> None:
    for path in place.parent.glob("place*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copytree(template, place)


def in_child(function: Callable[[], None]) -> int:
    """Call a function in a forked process; 0: it returned, 3: it said that it cannot write, else how it ended."""
    process = os.fork()
    if not process:
        code = 99
        with contextlib.suppress(BaseException):
            try:
                function()
                code = _DONE
            except (CnnforgeError, OSError):
                code = _REFUSED
            except BaseException:
                import traceback

                traceback.print_exc()
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def main() -> None:
    """Bring a few faults about in each artefact, and show how many were survived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    import_everything()
    tallies = [faults(artefact, options.seed, options.faults) for artefact in (*ARTEFACTS, CARELESS)]
    for tally in tallies:
        print(f"{tally.name}: {tally.survived} of {tally.faults} {tally.torn}")


if __name__ == "__main__":
    main()
