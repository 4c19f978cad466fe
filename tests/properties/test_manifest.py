"""A manifest comes back from its file as it was, whatever the images are called."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, assume, given, settings, strategies as st

from cnnforge.data.manifest import Manifest, data_changes
from cnnforge.data.scanned import FORMAT_NAMES, ScannedImages
from cnnforge.images.labelled_images import SPLITS, LeftOut
from cnnforge.system.files import read_lines

names = st.text(max_size=12)  # surrogates too: that is how Python hands over a name that is no UTF-8


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    class_names = draw(st.lists(names, min_size=1, max_size=4, unique=True))
    image_names = draw(st.lists(names, max_size=6, unique=True))
    count = len(image_names)
    scanned = ScannedImages.empty(count)
    for row in range(count):
        scanned.sha256[row] = np.frombuffer(draw(st.binary(min_size=32, max_size=32)), np.uint8)
        scanned.widths[row], scanned.heights[row] = draw(st.integers(1, 2**31 - 1)), draw(st.integers(1, 2**31 - 1))
        scanned.formats[row] = draw(st.integers(0, len(FORMAT_NAMES) - 1))
    splits = np.array(draw(st.lists(st.integers(-1, 2), min_size=count, max_size=count)), np.int8)
    groups = st.lists(st.lists(st.integers(0, count - 1), min_size=2, max_size=3, unique=True), max_size=1)
    duplicates, near_duplicates = draw(st.tuples(groups, groups)) if count > 1 else ([], [])
    return Manifest(
        class_names=class_names,
        names=image_names,
        labels=np.array(draw(st.lists(st.integers(0, len(class_names) - 1), min_size=count, max_size=count)), int),
        splits=splits,
        scanned=scanned,
        reasons={row: draw(names.filter(bool)) for row in np.flatnonzero(splits < 0).tolist()},
        left_out=draw(st.lists(st.builds(LeftOut, names.map("x{}".format), names, st.booleans()), max_size=2)),
        duplicates=[np.array(group) for group in duplicates],
        near_duplicates=[np.array(group) for group in near_duplicates],
    )


@given(manifests())
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_manifest_is_the_same_after_having_been_written_and_read(tmp_path: Path, manifest: Manifest) -> None:
    path = tmp_path / "manifest.jsonl"
    manifest.write(path)
    assert list(read_lines(path)) == list(manifest.lines())
    in_splits = [row for split in SPLITS for row in manifest.rows(split)]
    assert sorted([*in_splits, *np.flatnonzero(manifest.splits < 0)]) == list(range(len(manifest.names)))


@given(manifests(), st.data())
@settings(max_examples=200)
def test_whatever_changes_of_an_image_is_in_the_fingerprint_and_in_the_list_of_changes(
    manifest: Manifest, data: st.DataObject
) -> None:
    lines = {line["name"]: line for line in manifest.lines()}
    assert list(data_changes(lines, lines)) == []
    in_use = np.flatnonzero(manifest.splits >= 0).tolist()
    assume(in_use)
    row = data.draw(st.sampled_from(in_use))
    other = copy.deepcopy(manifest)
    kind = data.draw(st.sampled_from(["changed content", "another split", "another class"]))
    if kind == "another class":
        assume(len(manifest.class_names) > 1)
        other.labels[row] = (manifest.labels[row] + 1) % len(manifest.class_names)
    elif kind == "another split":
        other.splits[row] = (manifest.splits[row] + 1) % 3
    else:
        other.scanned.sha256[row, 31] ^= 1
    assert other.fingerprint() != manifest.fingerprint()
    now = {line["name"]: line for line in other.lines()}
    assert list(data_changes(lines, now)) == [f"1 {kind}: {manifest.names[row]}"]
