"""How far exported models are from the network on every photograph of a run's test split, in their own runtimes.

``python tests/benchmarks/export_parity.py RUN``; needs the photographs of the run, and ``cnnforge[export]``. Every
model classifies the decoded pixels at the size of the network and the photographs themselves.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from cnnforge.cli.table import render
from cnnforge.host.plugin_host import PluginHost
from cnnforge.host.registry import Entry, Registry
from cnnforge.running.naming import find_run
from cnnforge.running.trained_run import load_trained_run
from cnnforge.system.reporter import Reporter
from cnnforge_export import cnnforge_export_formats, golden, parity
from cnnforge_export.export import export
from cnnforge_export.golden import SplitImages

SPECS = {spec.name: spec for spec in cnnforge_export_formats()}
MODELS = [*((name, {}) for name in SPECS), *(("litert", {"quantize": q}) for q in ("float16", "dynamic", "int8"))]


def main() -> None:
    """Export in every format and print the differences."""
    parser = argparse.ArgumentParser()
    parser.add_argument("run")
    parser.add_argument("--split", default="test")
    arguments = parser.parse_args()
    trained = load_trained_run(find_run(arguments.run), Registry(PluginHost.discover()))
    images = golden.read(trained, arguments.split, 10**9, max_photograph_bytes=10**10)
    expected = trained.predictor()(images.pixels)
    before = (expected.argmax(axis=1) == images.labels).mean()
    print(f"{len(images.names)} images of the {arguments.split} split, accuracy {before:.4f}", flush=True)
    with (
        written(images, expected, trained.class_names) as (pixel_files, photograph_files),
        tempfile.TemporaryDirectory() as folder,
    ):
        rows = []
        for chosen, settings in MODELS:
            spec = SPECS[chosen]
            name = " ".join([chosen, *settings.values()])
            out = Path(folder) / name.replace(" ", "-")
            export(trained, Entry(spec, "cnnforge:export"), spec.options(**settings), out, Reporter())
            options = ["--pixels"] if spec.takes == "files" else []
            for checked, files, options_, wanted in (
                ("pixels", pixel_files, options, range(len(images.names))),
                ("photographs", photograph_files, [], images.photograph_files),
            ):
                start = time.perf_counter()
                found = parity.classify(out, files, *options_)
                seconds = time.perf_counter() - start
                numbers = list(wanted)
                apart = parity.compare(checked, files, found, expected[numbers], None)
                accuracy = (found.argmax(axis=1) == images.labels[numbers]).mean()
                difference, others = f"{apart.max_difference:.1e}", str(apart.num_other_class)
                row = [name, checked, str(len(files)), difference, others, f"{accuracy:.4f}", f"{seconds:.0f}"]
                print(*row, flush=True)
                rows.append(row)
    print(render(["format", "from", "images", "max |Δp|", "top-1 differs", "accuracy", "s"], rows))


@contextlib.contextmanager
def written(
    images: SplitImages, expected: np.ndarray, class_names: Sequence[str]
) -> Iterator[tuple[list[str], list[str]]]:
    """Write the images and the photographs into a temporary folder and yield their absolute paths."""
    with tempfile.TemporaryDirectory() as folder:
        golden.write(Path(folder), images, expected, class_names)
        yield (
            [str(Path(folder) / file) for file in images.pixel_files],
            [str(Path(folder) / file) for file in images.photograph_files.values()],
        )


if __name__ == "__main__":
    main()
