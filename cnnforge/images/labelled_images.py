"""What a data source returns: which labelled images there are, and how to read one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import numpy as np

Key = TypeVar("Key")
Content = TypeVar("Content")

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file that is no image of the data set, and why.

    ``is_fault`` tells a file that should have been a photograph (empty, unreadable) from one that only lies there
    (``Thumbs.db``); only faults count against ``data.max_unreadable``.
    """

    name: str
    reason: str
    is_fault: bool = False


@dataclass(frozen=True, kw_only=True)
class LabelledImages:
    """The images of a data source.

    Args:
        class_names: The classes, in the order of their labels; unique.
        names: One for each image: unique, and the same whenever the source is opened, such as a relative path.
        labels: For each image the index of its class in ``class_names``.
        read: ``read(index)`` returns the bytes of an image file, or a uint8 array (height, width, 3). Called from
            several processes, or from several threads if it cannot be pickled; repeatable. It raises
            ``OSError`` or ``ValueError`` for an image that cannot be read, which is then left out by name.
        splits: For each image ``"train"``, ``"validation"`` or ``"test"``, where the source fixes them.
        signatures: For each image a text that changes when its content does (size and modification time, a CRC).
            With it a second run does not read what it has read before; without it every run reads everything. A
            name and its signature must stand for one content, whatever the source was opened with.
        left_out: Files that the source itself leaves aside.
        location: Where the images come from, for people.
        notice: What everyone who sees a result must know about the images (that they are drawn, say).
        tag: A word for that, which the names of runs carry: lower-case letters and digits.
    """

    class_names: Sequence[str]
    names: Sequence[str]
    labels: Sequence[int]
    read: Callable[[int], bytes | np.ndarray]
    splits: Sequence[str] | None = None
    signatures: Sequence[str] | None = None
    left_out: Sequence[LeftOut] = ()
    location: str = ""
    notice: str = ""
    tag: str = ""

    def problems(self) -> list[str]:
        """Return what breaks the contract, each as a sentence; empty if nothing does."""
        breaches = []
        for field in ("labels", "splits", "signatures"):
            values = getattr(self, field)
            if values is not None and len(values) != len(self.names):
                breaches.append(f"expected {len(self.names)} {field}, one for each name, received {len(values)}")
        if len(set(self.class_names)) != len(self.class_names):
            breaches.append("expected unique class names")
        if len(set(self.names)) != len(self.names):
            breaches.append("expected unique image names")
        if any(not 0 <= label < len(self.class_names) for label in set(self.labels)):
            breaches.append(f"expected labels from 0 to {len(self.class_names) - 1}")
        if self.splits is not None and not set(self.splits) <= set(SPLITS):
            breaches.append(f"expected splits among {', '.join(SPLITS)}")
        return breaches

    def __len__(self) -> int:
        return len(self.names)


def read_at(read: Callable[[Key], Content], keys: Sequence[Key], index: int) -> Content:
    """Return what ``read`` returns for the key at that index; a ``partial`` of it is a reader that can be pickled."""
    return read(keys[index])
