"""What ``cnnforge data check`` tells of a data set before anyone trains on it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from cnnforge.data import FORMAT_NAMES, Manifest
from cnnforge.images import SPLITS, LabelledImages
from cnnforge.system import one_line

_SHOWN = 20


def describe_data(images: LabelledImages, manifest: Manifest) -> dict[str, Any]:
    """Return counts, sizes, formats, what is left out and why, and what occurs twice, for people and for JSON."""
    usable = manifest.splits >= 0
    formats = np.bincount(manifest.scanned.formats[usable], minlength=len(FORMAT_NAMES))
    ignored = [item for item in manifest.left_out if not item.is_fault]
    return {
        "location": images.location,
        "notice": images.notice,
        **manifest.summary(),
        "has_own_splits": images.splits is not None,
        "widths": _range(manifest.scanned.widths[usable]),
        "heights": _range(manifest.scanned.heights[usable]),
        "formats": {name: int(n) for name, n in zip(FORMAT_NAMES, formats, strict=True) if n},
        "left_out": [{"name": name, "reason": reason} for name, reason in manifest.faults().items()],
        "ignored_reasons": dict(Counter(item.reason for item in ignored)),
        "duplicates": [[_place(manifest, row) for row in group] for group in manifest.duplicates],
        "near_duplicates": [[_place(manifest, row) for row in group] for group in manifest.near_duplicates],
    }


def data_lines(facts: dict[str, Any]) -> list[str]:
    """Return the description as lines of at most a terminal's width, the long lists cut short."""
    shown = [f"Location    {facts['location']}"]
    shown += [f"! {facts['notice']}"] if facts["notice"] else []
    own = "as the data have them" if facts["has_own_splits"] else "as a run would make them"
    shown += [f"Images      {facts['num_images']:,} of {len(facts['class_names'])} classes; splits {own}:"]
    shown += _count_table(facts)
    shown += [f"Width       {_span(facts['widths'])}", f"Height      {_span(facts['heights'])}"]
    shown += ["Formats     " + ", ".join(f"{name} {n:,}" for name, n in facts["formats"].items())]
    shown += [f"Left out    {facts['num_left_out']}"]
    shown += _some([f"{item['name']}: {item['reason']}" for item in facts["left_out"]])
    shown += [f"Ignored     {facts['ignored']}", *_some([f"{n} {why}" for why, n in facts["ignored_reasons"].items()])]
    for title, groups in (("Duplicates ", facts["duplicates"]), ("Look-alikes", facts["near_duplicates"])):
        shown += [f"{title} {len(groups)} groups", *_some([" = ".join(group) for group in groups], limit=5)]
    return [one_line(line) for line in (*shown, *(f"! {warning}" for warning in facts["warnings"]))]


def _count_table(facts: dict[str, Any]) -> list[str]:
    """Return a row for each class and a column for each split."""
    splits = [split for split in SPLITS if split in facts["splits"]]
    width = max(len(one_line(name)) for name in [*facts["class_names"], "all"])
    rows = [(one_line(name), [facts["splits"][split][name] for split in splits]) for name in facts["class_names"]]
    rows.append(("all", [sum(facts["splits"][split].values()) for split in splits]))
    header = "  ".join(f"{split:>10}" for split in splits)
    return [
        f"  {'':{width}}  {header}",
        *(f"  {name:{width}}  {'  '.join(f'{n:10,}' for n in ns)}" for name, ns in rows),
    ]


def _range(values: np.ndarray) -> list[int]:
    """Return smallest, median and largest."""
    return [int(values.min()), int(np.median(values)), int(values.max())] if len(values) else [0, 0, 0]


def _span(sizes: list[int]) -> str:
    smallest, median, largest = sizes
    return f"{smallest} pixels" if smallest == largest else f"{smallest} to {largest} pixels, median {median}"


def _some(items: list[str], limit: int = _SHOWN) -> list[str]:
    more = [f"  … and {len(items) - limit} more"] if len(items) > limit else []
    return [f"  {item}" for item in items[:limit]] + more


def _place(manifest: Manifest, row: int) -> str:
    split = SPLITS[manifest.splits[row]] if manifest.splits[row] >= 0 else "left out"
    return f"{manifest.names[row]} ({split})"
