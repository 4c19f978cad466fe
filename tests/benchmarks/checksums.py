"""What the checksums of stored pixels cost, beside an epoch of the recipe ``catsdogs`` on the same images.

    python -m tests.benchmarks.checksums [--images 5000]

The store is checked whole when it is opened and each image again whenever it is read.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import xxhash

from cnnforge.data import image_rows
from cnnforge.data.image_rows import StoredRows
from cnnforge.host import PluginHost, Registry
from cnnforge.network import compiled_model
from cnnforge.recipe import ResolvedRecipe, load_recipe, resolve

_BATCH = 32
_STEPS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=5000)
    num_images = parser.parse_args().images
    registry = Registry(PluginHost.discover())
    resolved = resolve(load_recipe("catsdogs", registry), registry)
    with tempfile.TemporaryDirectory() as folder:
        rows = _store(Path(folder) / "images.u8", num_images, resolved.input_shape)
        checked = _seconds(rows, num_images)
        opening = time.perf_counter()
        assert not len(rows.damaged())
        opening = time.perf_counter() - opening
        image_rows._match = lambda images, checksums: np.ones(len(images), np.bool_)
        unchecked = _seconds(rows, num_images)
        epoch = _step_seconds(resolved, rows) / _BATCH * num_images
    print(
        f"{num_images:,} images of {resolved.input_shape}, {num_images * np.prod(resolved.input_shape) / 1e6:,.0f} MB"
    )
    print(f"an epoch of training     {epoch:8.2f} s")
    print(f"opening, all checked     {opening:8.3f} s   {opening / epoch:.2%} of an epoch, once a run")
    share = (checked - unchecked) / epoch
    print(f"reading, each checked    {checked:8.3f} s   of it for checks {share:.2%} of an epoch, in every epoch")


def _store(path: Path, num_images: int, shape: tuple[int, int, int]) -> StoredRows:
    generator, checksums = np.random.default_rng(0), []
    with path.open("wb") as file:
        for _ in range(num_images):
            pixels = generator.integers(0, 256, shape, np.uint8)
            file.write(pixels.data)
            checksums.append(xxhash.xxh3_64_intdigest(pixels))
    return StoredRows(path, shape, np.array(checksums, np.uint64))


def _seconds(rows: StoredRows, num_images: int) -> float:
    """Return how long it takes to read every image once in random order, the best of three."""
    order = np.random.default_rng(0).permutation(num_images)
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        for first in range(0, num_images, _BATCH):
            rows.gather(order[first : first + _BATCH])
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def _step_seconds(resolved: ResolvedRecipe, rows: StoredRows) -> float:
    model = compiled_model(resolved, 2, 100, "float32")
    images, targets = rows.gather(np.arange(_BATCH)), np.arange(_BATCH)[:, None] % 2
    model.train_on_batch(images, targets)
    start = time.perf_counter()
    for _ in range(_STEPS):
        model.train_on_batch(images, targets)
    return (time.perf_counter() - start) / _STEPS


if __name__ == "__main__":
    main()
