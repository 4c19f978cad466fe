"""What the decoder makes of every image of the catalogue: right pixels, or a reason, and never a surprise."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from PIL import Image

from cnnforge.data.decoding import DecodeSettings, content_hash, decode
from cnnforge.data.effort import UnreadableImageError
from cnnforge.recipe.schema import DataSection
from tests.unit.data.image_cases import (
    BOMBS,
    CASES,
    HEIGHT,
    JPEG,
    PICTURE,
    UPRIGHT,
    WIDTH,
    Case,
    encode,
    half_transparent,
    over,
    pattern,
    png_of_rows,
    stored_for,
    with_orientation,
)

# Pillow's warnings are silenced by the decoder's module; pytest puts its own filters in their place.
pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning:PIL"),
    pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning"),
]
SETTINGS = DecodeSettings(HEIGHT, WIDTH)


def same_size(pixels: np.ndarray, **more: object) -> DecodeSettings:
    return DecodeSettings(pixels.shape[0], pixels.shape[1], **more)


@pytest.mark.parametrize("case", [c for c in CASES if c.pixels is not None], ids=str)
def test_is_decoded_right(case: Case) -> None:
    decoded = decode(case.make(), same_size(case.pixels))
    difference = np.abs(decoded.pixels.astype(int) - case.pixels)
    assert decoded.pixels.dtype == np.uint8
    assert difference.mean() <= case.mean
    assert difference.max() <= case.largest
    assert (decoded.format, decoded.is_animated) == (case.format, case.is_animated)


@pytest.mark.parametrize("case", [c for c in [*CASES, *BOMBS] if c.pixels is None], ids=str)
def test_is_refused_with_a_reason(case: Case) -> None:
    with pytest.raises(UnreadableImageError, match=case.reason) as caught:
        decode(case.make(), SETTINGS)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 150


def test_all_eight_orientations_give_one_upright_picture_and_size() -> None:
    decoded = [decode(with_orientation(stored_for(n), n), DecodeSettings(20, 30)) for n in range(1, 9)]
    assert {(d.width, d.height) for d in decoded} == {(WIDTH, HEIGHT)}
    for other in decoded[1:]:
        assert np.abs(other.pixels.astype(int) - decoded[0].pixels).max() <= 6


@pytest.mark.parametrize("cut", [0.1, 0.3, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "GIF", "BMP", "WEBP"])
def test_no_part_of_a_file_is_taken_for_the_whole(image_format: str, cut: float) -> None:
    content = encode(np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8), image_format)
    with pytest.raises(UnreadableImageError):
        decode(content[: int(len(content) * cut)], SETTINGS)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "GIF", "BMP", "WEBP"])
def test_noise_in_a_file_is_decoded_or_refused_and_nothing_else(image_format: str) -> None:
    generator = np.random.default_rng(1)
    content = np.frombuffer(encode(PICTURE, image_format), np.uint8)
    for _ in range(150):
        noisy = content.copy()
        noisy[generator.integers(0, len(noisy), 8)] = generator.integers(0, 256, 8)
        try:
            assert decode(noisy.tobytes(), SETTINGS).pixels.shape == SETTINGS.shape
        except UnreadableImageError as error:
            assert str(error)


@pytest.mark.parametrize("background", [(255, 255, 255), (0, 0, 0), (10, 200, 30)])
def test_transparent_pixels_show_the_background(background: tuple[int, int, int]) -> None:
    content = encode(half_transparent("RGBA"), "PNG")
    assert np.array_equal(
        decode(content, DecodeSettings(HEIGHT, WIDTH, background=background)).pixels, over(background)
    )


def test_a_half_transparent_pixel_mixes_with_the_background() -> None:
    content = encode(Image.new("RGBA", (4, 4), (200, 100, 0, 128)), "PNG")
    pixels = decode(content, DecodeSettings(4, 4, background=(0, 0, 255))).pixels
    assert np.abs(pixels.astype(int) - (100, 50, 127)).max() <= 1


def test_sixteen_bits_beyond_255_are_not_clipped() -> None:
    ramp = np.linspace(0, 65_535, 256).astype(np.uint16)[None, :]
    pixels = decode(png_of_rows(ramp, 16, 0), DecodeSettings(1, 256)).pixels[0, :, 0]
    assert np.array_equal(pixels, ramp[0] >> 8)


def test_one_channel_gives_grey() -> None:
    decoded = decode(encode(PICTURE, "PNG"), DecodeSettings(HEIGHT, WIDTH, channels=1))
    assert decoded.pixels.shape == (HEIGHT, WIDTH, 1)
    assert np.array_equal(decoded.pixels[:, :, 0], np.asarray(PICTURE.convert("L")))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_an_array_is_taken_as_it_is(channels: int) -> None:
    array = np.dstack([pattern(), np.full((HEIGHT, WIDTH), 255, np.uint8)])[:, :, :channels]
    decoded = decode(array, SETTINGS)
    assert decoded.format == "array"
    assert np.array_equal(decoded.pixels, np.repeat(array, 3, axis=2) if channels == 1 else UPRIGHT)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4, 2), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
    ],
    ids=lambda a: f"{a.dtype}{a.shape}",
)
def test_another_array_is_refused(array: np.ndarray) -> None:
    with pytest.raises(UnreadableImageError, match="expected a uint8 array"):
        decode(array, SETTINGS)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos"])
def test_resizing_shrinks_like_pillow(interpolation: str) -> None:
    decoded = decode(encode(PICTURE, "PNG"), DecodeSettings(20, 33, interpolation=interpolation))
    assert np.array_equal(decoded.pixels, np.asarray(PICTURE.resize((33, 20), Image.Resampling[interpolation.upper()])))


@pytest.mark.parametrize("orientation", [1, 6])
def test_skipping_detail_while_decoding_changes_almost_nothing(orientation: int) -> None:
    large = Image.fromarray(pattern(800, 1200))
    decoded = decode(with_orientation(stored_for(orientation, large), orientation), SETTINGS)
    in_full = large.resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR)
    assert (decoded.width, decoded.height) == (1200, 800)
    assert np.abs(decoded.pixels.astype(int) - np.asarray(in_full)).max() <= 4


def test_a_multi_picture_file_is_decoded_like_the_jpeg_it_starts_with() -> None:
    large = Image.fromarray(pattern(800, 1200))
    both = encode(large, "MPO", save_all=True, append_images=[large.rotate(180)])
    assert np.array_equal(decode(both, SETTINGS).pixels, decode(encode(large), SETTINGS).pixels)


def test_the_limit_of_pixels_is_the_recipes() -> None:
    with pytest.raises(UnreadableImageError, match=f"{WIDTH}×{HEIGHT}, more than 3000 pixels"):
        decode(JPEG, DecodeSettings(HEIGHT, WIDTH, max_pixels=3000))
    assert decode(JPEG, DecodeSettings(HEIGHT, WIDTH, max_pixels=WIDTH * HEIGHT)).width == WIDTH


def test_settings_come_from_the_recipe() -> None:
    data = DataSection(source="x", interpolation="lanczos", background=(1, 2, 3), max_pixels=99)
    assert DecodeSettings.of(data, (4, 5, 1)) == DecodeSettings(4, 5, 1, "lanczos", (1, 2, 3), 99)


def test_the_content_hash_tells_overwritten_bytes() -> None:
    changed = JPEG[:-100] + bytes([JPEG[-100] ^ 1]) + JPEG[-99:]
    assert content_hash(JPEG) != content_hash(changed)


MEASURE = """
    import json, resource, sys, time
    from cnnforge.data.decoding import DecodeSettings, decode
    from cnnforge.data.effort import UnreadableImageError

    contents = [open(path, "rb").read() for path in sys.argv[1:]]
    settings = DecodeSettings(64, 64)
    for content in contents[-1:]:
        decode(content, settings)  # a good one, so that imports and first allocations are not counted
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    reasons = []
    for content in contents[:-1]:
        try:
            decode(content, settings)
        except UnreadableImageError as error:
            reasons.append(str(error))
    growth = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(json.dumps({"reasons": reasons, "growth_kb": growth, "seconds": time.perf_counter() - start}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is reported in other units elsewhere")
def test_bombs_are_refused_fast_and_before_memory_is_taken(tmp_path) -> None:
    paths = []
    for number, case in enumerate(BOMBS):
        paths.append(tmp_path / f"bomb{number}")
        paths[-1].write_bytes(case.make())
    good = tmp_path / "good.jpg"
    good.write_bytes(JPEG)
    command = [sys.executable, "-c", textwrap.dedent(MEASURE), *map(str, paths), str(good)]
    found = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)
    assert len(found["reasons"]) == len(BOMBS)
    assert found["growth_kb"] < 256 * 1024
    assert found["seconds"] < 2
