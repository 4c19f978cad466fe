"""Augmentation: what each knob does, that it is repeatable, and that off means off."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from cnnforge.data.augment import ExtraAugmentation, augment_batch
from cnnforge.errors import PluginError
from cnnforge.recipe.augmentation import PRESETS, AugmentationSection

Shape = tuple[int, int, int, int]
SHAPES: list[Shape] = [(6, 32, 48, 3), (6, 48, 32, 1)]


def batch(shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, shape, np.uint8), np.eye(3, dtype=np.float32)[generator.integers(0, 3, shape[0])]


def vary(settings: dict[str, object], shape: Shape = SHAPES[0], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    images, targets = batch(shape)
    return augment_batch(images, targets, np.random.default_rng(seed), AugmentationSection.model_validate(settings))


@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_on_changes_nothing(shape: Shape) -> None:
    images, targets = batch(shape)
    varied, same_targets = vary({}, shape)
    np.testing.assert_array_equal(varied, images)
    np.testing.assert_array_equal(same_targets, targets)


KNOBS: list[dict[str, object]] = [
    {"flip": "horizontal"},
    {"flip": "both"},
    {"crop": 0.4},
    {"rotation": 20.0},
    {"translation": 0.2},
    {"color": 0.4},
    {"erasing": 1.0},
    {"rand_augment": 0.8},
    {"mixup": 0.5},
    {"cutmix": 1.0},
    {"mixup": 0.5, "cutmix": 1.0},
    {"preset": "light"},
    {"preset": "standard"},
    {"preset": "strong"},
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("settings", KNOBS, ids=str)
def test_each_knob_changes_images_repeatably(settings: dict[str, object], shape: Shape) -> None:
    images, _ = batch(shape)
    varied, targets = vary(settings, shape)
    again, same_targets = vary(settings, shape)
    other, _ = vary(settings, shape, seed=1)
    assert varied.shape == shape
    assert varied.dtype == np.uint8
    assert (varied != images).any()
    np.testing.assert_array_equal(varied, again)
    np.testing.assert_array_equal(targets, same_targets)
    assert (varied != other).any()
    np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-6)


def test_a_horizontal_flip_mirrors_half_of_the_images_exactly() -> None:
    images = np.random.default_rng(1).integers(0, 256, (200, 8, 8, 3), np.uint8)
    settings = AugmentationSection(flip="horizontal")
    varied, _ = augment_batch(images, np.zeros((200, 1)), np.random.default_rng(0), settings)
    mirrored = (varied == images[:, :, ::-1]).all(axis=(1, 2, 3))
    unchanged = (varied == images).all(axis=(1, 2, 3))
    assert (mirrored ^ unchanged).all()
    assert 70 < mirrored.sum() < 130


def test_a_crop_keeps_at_least_its_share_and_nothing_from_outside() -> None:
    ramp = np.tile(np.arange(100, dtype=np.uint8)[None, :, None], (100, 1, 3))
    settings = AugmentationSection(crop=0.5)
    varied, _ = augment_batch(np.stack([ramp] * 50), np.zeros((50, 1)), np.random.default_rng(0), settings)
    widths = varied[:, 50, -1, 0].astype(int) - varied[:, 50, 0, 0].astype(int)
    assert (widths <= 99).all()
    assert (widths >= 99 * 0.5).all()  # the narrowest crop: half of the area, 4:3 the tall way
    assert len(set(widths.tolist())) > 10


def test_a_rotation_stays_within_its_angle() -> None:
    image = np.zeros((101, 101, 3), np.uint8)
    image[49:52, 50:] = 255  # a bar from the centre to the right
    settings = AugmentationSection(rotation=10.0)
    varied, _ = augment_batch(np.stack([image] * 40), np.zeros((40, 1)), np.random.default_rng(0), settings)
    rows = np.array([np.flatnonzero(v[:, 90, 0] > 100).mean() for v in varied])
    angles = np.rad2deg(np.arctan2(rows - 50, 40))
    assert (np.abs(angles) < 11).all()
    assert angles.max() > 5
    assert angles.min() < -5


def test_mixup_blends_targets_as_it_blends_images() -> None:
    images = np.zeros((50, 4, 4, 3), np.uint8)
    images[25:] = 200
    targets = np.repeat([[0.0], [1.0]], 25, axis=0).astype(np.float32)
    varied, mixed = augment_batch(images, targets, np.random.default_rng(0), AugmentationSection(mixup=1.0))
    np.testing.assert_allclose(varied[:, 0, 0, 0] / 200, mixed[:, 0], atol=0.01)
    assert ((mixed > 0.05) & (mixed < 0.95)).any()


def test_cutmix_counts_the_pasted_area() -> None:
    images = np.zeros((50, 40, 40, 3), np.uint8)
    images[25:] = 200
    targets = np.repeat([[0.0], [1.0]], 25, axis=0).astype(np.float32)
    varied, mixed = augment_batch(images, targets, np.random.default_rng(0), AugmentationSection(cutmix=1.0))
    np.testing.assert_allclose(varied.mean(axis=(1, 2, 3)) / 200, mixed[:, 0], atol=1e-6)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_spelled_out_and_a_knob_beside_it_is_stronger(preset: str) -> None:
    assert AugmentationSection.model_validate(preset) == AugmentationSection.model_validate({"preset": preset})
    assert AugmentationSection.model_validate({"preset": preset, "crop": 0.9}).crop == 0.9
    assert "preset" not in AugmentationSection.model_validate(preset).model_dump()


def test_an_unknown_preset_names_the_closest() -> None:
    with pytest.raises(ValidationError, match="Did you mean 'strong'"):
        AugmentationSection.model_validate("stong")


def halved(images: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    images //= 2
    return images


def noisy(images: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return images ^ generator.integers(0, 4, images.shape, np.uint8)


def with_extra(settings: dict[str, object], *functions: object, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    images, targets = batch(SHAPES[0])
    before = images.copy()
    extra = [ExtraAugmentation("acme", function) for function in functions]  # type: ignore[arg-type]
    section = AugmentationSection.model_validate(settings)
    found = augment_batch(images, targets, np.random.default_rng(seed), section, extra)
    np.testing.assert_array_equal(images, before)
    return found


def test_extras_come_after_the_built_in_ones_each_in_its_turn() -> None:
    varied, _ = vary({"flip": "both", "color": 0.3})
    np.testing.assert_array_equal(with_extra({"flip": "both", "color": 0.3}, halved)[0], varied // 2)
    np.testing.assert_array_equal(with_extra({}, noisy)[0], with_extra({}, noisy)[0])
    assert (with_extra({}, noisy, halved)[0] != with_extra({}, halved, noisy)[0]).any()


def test_extras_come_before_images_are_blended() -> None:
    blended, targets = with_extra({"cutmix": 1.0}, lambda images, _: np.zeros_like(images))
    assert not blended.any()
    np.testing.assert_array_equal(targets, vary({"cutmix": 1.0})[1])


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda images, _: images[:, :16], r"expected images of shape \(6, 32, 48, 3\) and uint8, received .*16"),
        (lambda images, _: images / 255, "received ndarray .* float64"),
        (lambda images, _: None, "received NoneType"),
        (lambda images, _: images.nothing, "AttributeError"),
    ],
)
def test_what_an_extra_returns_is_checked_and_its_author_named(function: object, message: str) -> None:
    with pytest.raises(PluginError, match=f"acme: .*{message}"):
        with_extra({}, function)


def test_extras_switch_augmentation_on_and_blend_nothing() -> None:
    section = AugmentationSection.model_validate({"extra": ["acme_blur"]})
    assert section.is_on
    assert not section.mixes_images


def test_a_recipe_without_extras_is_written_as_before_there_were_any() -> None:
    assert "extra" not in AugmentationSection(flip="both").model_dump(mode="json")
    written = AugmentationSection.model_validate({"extra": ["a", {"name": "b:c", "amount": 0.5}]})
    assert written.model_dump(mode="json")["extra"] == ["a", {"name": "b:c", "amount": 0.5}]
    assert AugmentationSection.model_validate(written.model_dump(mode="json")) == written
