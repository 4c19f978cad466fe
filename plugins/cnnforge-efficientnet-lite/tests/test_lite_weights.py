"""The weights: converted once, kept whole, never taken from a file that is not the one it should be."""

from __future__ import annotations

from pathlib import Path

import pytest
from cnnforge_efficientnet_lite import weights

from cnnforge.errors import UnsafeFileError


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the weights are kept, in an empty cache."""
    monkeypatch.setenv("CNNFORGE_CACHE_DIR", str(tmp_path))
    return tmp_path / "efficientnet-lite" / f"lite0-{weights.ARRAYS_SHA256[:12]}.npz"


@pytest.fixture
def conversions(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with every conversion."""
    counted: list[int] = []
    convert = weights.convert

    def counting(state: weights.Arrays) -> weights.Arrays:
        counted.append(len(state))
        return convert(state)

    monkeypatch.setattr(weights, "convert", counting)
    return counted


def test_weights_are_converted_once(cached: Path, conversions: list[int]) -> None:
    assert weights.digest(weights.load_arrays()) == weights.ARRAYS_SHA256
    assert weights.digest(weights.load_arrays()) == weights.ARRAYS_SHA256
    assert conversions == [296]
    assert [path.name for path in cached.parent.iterdir()] == [cached.name]


@pytest.mark.parametrize("damage", ["cut", "changed", "empty"])
def test_a_damaged_cache_is_made_again(cached: Path, conversions: list[int], damage: str) -> None:
    weights.load_arrays()
    content = bytearray(cached.read_bytes())
    if damage == "changed":
        content[len(content) // 2] ^= 1
    cached.write_bytes({"cut": content[: len(content) // 2], "changed": content, "empty": b""}[damage])
    assert weights.digest(weights.load_arrays()) == weights.ARRAYS_SHA256
    assert len(conversions) == 2


def test_a_cache_that_cannot_be_written_does_not_matter(cached: Path) -> None:
    cached.parent.write_text("a file in place of the folder", encoding="utf-8")
    assert weights.digest(weights.load_arrays()) == weights.ARRAYS_SHA256


def test_another_file_in_the_package_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.pth"
    other.write_bytes(b"other weights")
    with pytest.raises(UnsafeFileError, match=r"expected .*other.pth with sha256=579344248a93"):
        weights._checked(other)
