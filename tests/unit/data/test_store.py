"""The image store: found again, listed, limited, evicted and cleaned up."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import PIL
import pytest

from cnnforge.data import store
from cnnforge.data.decoding import DecodeSettings
from cnnforge.data.store import remove_store
from cnnforge.system import cache_dir

SETTINGS = DecodeSettings(2, 2)


def identities(name: str = "a") -> np.ndarray:
    return store.identities([name], ["1"])


def build(key: str, num_bytes: int = 1000, last_used: int = 0, location: str = "here") -> Path:
    """Make a store of that size, last used at that second."""
    with store.locked(key), store.building(key, location, SETTINGS, identities()) as folder:
        (folder / store.IMAGES).write_bytes(bytes(num_bytes))
    path = store.stores_dir() / key
    os.utime(path / "store.json", (last_used, last_used))
    return path


def keys() -> list[str]:
    return [info.path.name for info in store.list_stores()]


def test_a_store_is_found_only_when_it_is_finished() -> None:
    assert store.find("k") is None
    with store.locked("k"), store.building("k", "here", SETTINGS, identities()) as folder:
        assert (store.find("k"), store.list_stores()) == (None, [])
    assert store.find("k") == store.stores_dir() / "k"
    assert not folder.exists()


def test_a_build_that_fails_leaves_nothing() -> None:
    with pytest.raises(ZeroDivisionError), store.locked("k"), store.building("k", "here", SETTINGS, identities()):
        raise ZeroDivisionError
    assert store.find("k") is None
    assert [path.suffix for path in store.stores_dir().iterdir()] == [".lock"]


def test_what_a_killed_process_left_does_not_stop_the_next() -> None:
    """Process numbers come again, in containers nearly always, so nothing may depend on them."""
    left = store.stores_dir() / ".k.building"
    left.mkdir(parents=True)
    (left / "images.u8").write_bytes(b"half")
    assert build("k", 1000).joinpath("images.u8").stat().st_size == 1000


def test_a_build_killed_just_before_its_end_is_no_store() -> None:
    build("k").rename(store.stores_dir() / ".k.building")
    assert (store.find("k"), store.list_stores(), list(store.find_similar("here", SETTINGS))) == (None, [], [])


def test_pixels_are_on_the_disk_before_they_are_a_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a power cut they could be black otherwise, and nothing would notice."""
    synced = []
    monkeypatch.setattr(store.os, "fsync", lambda handle: synced.append(os.fstat(handle).st_ino))
    assert (build("k") / store.IMAGES).stat().st_ino == synced[0]


@pytest.mark.parametrize("ending", [".building", ".removed"])
def test_leftovers_are_removed_unless_somebody_works_on_them(ending: str) -> None:
    dead, alive = (store.stores_dir() / f".{key}{ending}" for key in ("dead", "alive"))
    dead.mkdir(parents=True)
    alive.mkdir()
    with store.locked("alive"):
        store.remove_leftovers()
        assert (dead.exists(), alive.exists()) == (False, True)
    store.remove_leftovers()
    assert not alive.exists()


def test_stores_are_listed_the_least_recently_used_first() -> None:
    for key, last_used in (("b", 20), ("a", 10), ("c", 30)):
        build(key, last_used=last_used)
    assert keys() == ["a", "b", "c"]
    store.find("a")
    assert keys() == ["b", "c", "a"]
    assert (store.list_stores()[0].num_images, store.list_stores()[0].location) == (1, "here")


def test_the_least_recently_used_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    for key, last_used in (("b", 20), ("a", 10), ("c", 30)):
        build(key, 10_000, last_used)
    monkeypatch.setenv("CNNFORGE_CACHE_GB", "0.000035")
    assert store.make_room(12_000)
    assert keys() == ["b", "c"]
    assert store.make_room(30_000)
    assert keys() == []


def test_what_can_never_fit_removes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    build("a", 10_000)
    monkeypatch.setenv("CNNFORGE_CACHE_GB", "0.00002")
    assert not store.make_room(30_000)
    assert keys() == ["a"]


def test_a_store_that_is_being_built_anew_is_not_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    build("a", 10_000)
    (info,) = store.list_stores()
    with store.locked("a"):
        assert not remove_store(info)
    assert keys() == ["a"]
    assert remove_store(info)
    assert remove_store(info)  # gone already: another process may have been faster
    assert keys() == []


def test_without_a_limit_half_of_the_disk_is() -> None:
    build("a", 4_000)
    free = store._free_bytes()
    assert store.limit_bytes() == pytest.approx(free / 2, rel=0.05)


def test_the_limit_is_never_more_than_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CNNFORGE_CACHE_GB", "1e9")
    assert store.limit_bytes() < 1e18
    monkeypatch.setattr(store, "_free_bytes", lambda: 1000)
    assert not store.make_room(2000)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"num_images": 1}'])
def test_a_store_whose_description_is_damaged_can_be_seen_and_removed(text: str) -> None:
    path = build("a")
    (path / "store.json").write_text(text)
    (info,) = store.list_stores()
    assert info.location == "damaged"
    remove_store(info)
    assert not path.exists()


def test_similar_stores_have_the_same_origin_and_settings_the_latest_first() -> None:
    build("a", last_used=1)
    build("b", last_used=2)
    build("c", location="elsewhere", last_used=3)
    assert [path.name for path in store.find_similar("here", SETTINGS)] == ["b", "a"]
    assert list(store.find_similar("here", DecodeSettings(3, 2))) == []


@pytest.mark.parametrize(
    "other",
    [
        (["b"], ["1"], SETTINGS, True),
        (["a"], ["2"], SETTINGS, True),
        (["a"], ["1"], DecodeSettings(2, 2, interpolation="nearest"), True),
        (["a"], ["1"], DecodeSettings(2, 2, background=(0, 0, 0)), True),
        (["a"], ["1"], SETTINGS, False),
        (["a1"], [""], SETTINGS, True),
        (["caf\udce9"], ["1"], SETTINGS, True),
    ],
)
def test_the_key_changes_with_whatever_pixels_depend_on(other) -> None:
    names, signatures, settings, has_pixels = other
    mine = store.store_key(SETTINGS, identities(), has_pixels=True)
    assert store.store_key(settings, store.identities(names, signatures), has_pixels=has_pixels) != mine


def test_another_decoder_is_another_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a run trained on and what ``predict`` sees must not come from two versions of the decoder."""
    before = store.store_key(SETTINGS, identities(), has_pixels=True)
    monkeypatch.setattr(PIL, "__version__", "99.0")
    assert store.store_key(SETTINGS, identities(), has_pixels=True) != before


def test_a_read_only_cache_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    path = build("a")

    def refuse(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(store.os, "utime", refuse)
    assert store.find("a") == path


def test_the_users_own_folder_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CNNFORGE_CACHE_DIR")
    assert cache_dir().name == "cnnforge"
    monkeypatch.setenv("CNNFORGE_CACHE_DIR", "~/elsewhere")
    assert cache_dir() == Path.home() / "elsewhere"
