"""How fast a data set is scanned: read, hashed, checked, decoded, resized and stored, and opened again.

``python tests/benchmarks/scan.py ARCHIVE [--rounds 5]``; the archive is any that ``cnnforge run catsdogs`` takes.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

from cnnforge.data.preparing import open_source, prepare
from cnnforge.host.plugin_host import PluginHost
from cnnforge.host.registry import Registry
from cnnforge.recipe.loading import load_recipe
from cnnforge.recipe.resolving import resolve


def main() -> None:
    """Measure and print medians."""
    parser = argparse.ArgumentParser()
    parser.add_argument("archive", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    registry = Registry(PluginHost.discover())
    loaded = load_recipe("catsdogs", registry, [f"data.path={str(arguments.archive.absolute())!r}"])
    resolved = resolve(loaded, registry)
    first, again = [], []
    for _ in range(arguments.rounds):
        with tempfile.TemporaryDirectory() as cache:
            os.environ["CNNFORGE_CACHE_DIR"] = cache
            for seconds in (first, again):
                start = time.perf_counter()
                data = prepare(resolved, open_source(resolved), lambda done, total: None)
                seconds.append(time.perf_counter() - start)
    num_images = len(data.manifest.names)
    print(f"{num_images} images: first scan {num_images / statistics.median(first):,.0f} images/s,", end=" ")
    print(f"again in {statistics.median(again):.2f} s")


if __name__ == "__main__":
    main()
