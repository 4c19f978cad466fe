"""Which classes there are: the same in every split, distinct, and those that were asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from cnnforge import natural_key
from cnnforge.errors import DataError, did_you_mean
from cnnforge.images import check_distinct, meant_name, seen_name
from cnnforge_directory.labelled_file import LabelledFile


def choose_classes(labelled: Iterable[LabelledFile], wanted: Sequence[str], *, is_binary: bool) -> list[str]:
    """Return the class names in the order of their labels: as asked for, else in natural order.

    Args:
        labelled: The images.
        wanted: The classes to use; empty for all.
        is_binary: Insist on exactly two classes.

    Raises:
        DataError: An unknown class is asked for, splits have different classes, two classes are spelled alike, or
            there are not two where there must be.
    """
    by_split: dict[str | None, set[str]] = {}
    for item in labelled:
        by_split.setdefault(item.split, set()).add(item.class_name)
    found = set().union(*by_split.values())
    check_wanted(found, wanted)
    chosen = list(dict.fromkeys(map(seen_name, wanted))) or sorted(found, key=natural_key)
    _check_same_in_all({split: names & set(chosen) for split, names in by_split.items() if split})
    check_distinct(chosen)
    if is_binary:
        _check_two(chosen)
    return chosen


def check_wanted(found: Collection[str], wanted: Iterable[str]) -> None:
    """Refuse a class that is asked for and does not exist."""
    for name in wanted:
        if seen_name(name) not in found:
            raise DataError(
                f"expected data.classes among {_list(found)}, received {name!r}.{did_you_mean(name, found)}"
            )


def _check_same_in_all(by_split: dict[str, set[str]]) -> None:
    """Refuse splits whose classes differ: they are matched by name, so a spelling that differs is another class."""
    if not by_split:
        return
    if "train" not in by_split:
        raise DataError(f"expected a train split beside {' and '.join(by_split)}, received none")
    lines = []
    for split, names in by_split.items():
        missing, extra = by_split["train"] - names, names - by_split["train"]
        respelled = {a: b for a in missing for b in extra if meant_name(a) == meant_name(b)}
        lines += [f"  {split} spells {b!r} what train spells {a!r}" for a, b in sorted(respelled.items())]
        lines += [f"  {split} lacks {name!r}" for name in sorted(missing - respelled.keys())]
        lines += [f"  {split} has {name!r}, which train lacks" for name in sorted(extra - set(respelled.values()))]
    if lines:
        raise DataError(
            "expected the same classes in every split, received differences:\n" + "\n".join(lines),
            hint='rename or add what differs, or choose classes that all have: --set \'data.classes=["…", "…"]\'',
        )


def _check_two(names: Sequence[str]) -> None:
    if len(names) != 2:
        raise DataError(
            f"expected exactly two classes with data.class_mode='binary', received {len(names)}: {_list(names)}",
            hint="choose two with data.classes, or leave data.class_mode at 'auto'",
        )


def _list(names: Collection[str], limit: int = 10) -> str:
    shown = ", ".join(repr(name) for name in sorted(names, key=natural_key)[:limit])
    return f"{shown}, and {len(names) - limit} more" if len(names) > limit else shown or "none"
