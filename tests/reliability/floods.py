"""Figure 11: small files that take long to decode, and what they take of time, memory and other people's answers."""

from __future__ import annotations

import contextlib
import io
import json
import signal
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cnnforge.data.decoding import DecodeSettings, decode
from cnnforge.data.effort import UnreadableImageError
from cnnforge.running.run_dir import RunDir
from tests.reliability.bombs import MAX_MEGABYTES, MAX_SECONDS, Taken, in_child
from tests.reliability.figure import Figure, share
from tests.reliability.shell import Shell, photographs, train
from tests.unit.data.flood_cases import FLOODS
from tests.unit.data.image_cases import JPEG

PATIENCE_SECONDS = 20
MAX_WAIT_SECONDS = 5.0
"""For a photograph's answer while every flood is being refused, on two processors."""


def measure(seed: int) -> Figure:
    contents = [case.make() for case in FLOODS]
    ours = [in_child(lambda: decode(JPEG, DecodeSettings(150, 150)), lambda c=c: refused(c)) for c in contents]
    theirs = [patient(content) for content in contents]  # before anything uses TensorFlow here: it forks
    with tempfile.TemporaryDirectory(prefix="cnnforge-floods-") as name:
        shell = Shell(Path(name))
        data = photographs(Path(name) / "photographs", seed, per_class=20)
        directory = train(shell, data)
        named = named_by_commands(shell, data, directory, contents)
        wait = beside_floods(directory, contents)
    worst = Taken(max(taken.megabytes for taken in ours), max(taken.seconds for taken in ours))
    slow = sum(seconds >= PATIENCE_SECONDS for seconds in theirs)
    return Figure(
        ours=f"at most {worst.megabytes:.0f} MB and {worst.seconds:.1f} s for one; {share(named, 2 * len(contents))} "
        f"named; a photograph beside all of them is answered in {wait:.1f} s",
        theirs=f"`load_img`: {slow} take more than {PATIENCE_SECONDS} s, the others up to "
        f"{max((seconds for seconds in theirs if seconds < PATIENCE_SECONDS), default=0):.1f} s",
        count=f"{len(FLOODS)} files of at most {max(map(len, contents)) / 1e6:.0f} MB; data check, predict, serve",
        is_met=worst.is_little and named == 2 * len(contents) and wait <= MAX_WAIT_SECONDS,
        details={"ours": [taken.seconds for taken in ours], "theirs": theirs}
        | {"limits": [MAX_MEGABYTES, MAX_SECONDS, MAX_WAIT_SECONDS]},
    )


def refused(content: bytes) -> None:
    try:
        decode(content, DecodeSettings(150, 150))
    except UnreadableImageError:
        return
    raise AssertionError("it was decoded")


def patient(content: bytes) -> float:
    """Return how many seconds ``load_img`` takes for a file, which is ended after a while."""
    import keras

    def load() -> None:
        signal.alarm(PATIENCE_SECONDS)
        with contextlib.suppress(Exception):  # what it says of a flood is not the question
            keras.utils.img_to_array(keras.utils.load_img(io.BytesIO(content), target_size=(150, 150)))

    start = time.monotonic()
    try:
        return in_child(lambda: None, load).seconds
    except AssertionError:  # the alarm ended it
        return time.monotonic() - start


def named_by_commands(shell: Shell, data: Path, directory: RunDir, contents: list[bytes]) -> int:
    """Return how many floods ``data check`` and ``predict`` name."""
    for number, content in enumerate(contents):
        (data / "cat" / f"flood-{number}.jpg").write_bytes(content)
    options = ["--set", "data.max_unreadable=0.9", "--set", "data.store=off", "--json"]
    checked = json.loads(shell.must("data", "check", data, *options))["left_out"]
    predicted = json.loads(shell.must("predict", directory.path, data / "cat", "--json"))
    return sum("flood-" in item["name"] for item in checked) + sum("error" in item for item in predicted)


def beside_floods(directory: RunDir, contents: list[bytes]) -> float:
    """Send every flood at once; return how long a photograph takes that is sent meanwhile."""
    from tests.e2e.serve.conftest import serving

    with (
        tempfile.TemporaryDirectory() as folder,
        serving(directory, Path(folder)) as served,
        served.client() as client,
        ThreadPoolExecutor(len(contents)) as pool,
    ):
        assert client.post("/predict", content=JPEG).status_code == 200
        answers = [pool.submit(client.post, "/predict", content=content) for content in contents]
        start = time.monotonic()
        assert client.post("/predict", content=JPEG).status_code == 200
        wait = time.monotonic() - start
        assert {answer.result().status_code for answer in answers} == {422}
        assert client.get("/readyz").status_code == 200
    return wait
