"""With the classic recipe's settings, the network sees the very pixels that the classic generator gives."""

from __future__ import annotations

import io

import keras
import numpy as np
import pytest
from PIL import Image

from cnnforge.data.decoding import DecodeSettings, decode
from cnnforge.host.plugin_host import PluginHost
from cnnforge.host.registry import Registry
from cnnforge.recipe.loading import load_recipe


@pytest.mark.parametrize("size", [(180, 180), (500, 375), (333, 499), (60, 40), (1200, 900)])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_decoding_equals_the_classic_generators(size: tuple[int, int], mode: str) -> None:
    small = Image.effect_noise((40, 30), 80).convert("RGB")
    buffer = io.BytesIO()
    small.resize(size, Image.Resampling.BICUBIC).convert(mode).save(buffer, "JPEG", quality=85)
    data = load_recipe("catsdogs", Registry(PluginHost.discover({"CNNFORGE_LOAD_PLUGINS": ""}))).data
    ours = decode(buffer.getvalue(), DecodeSettings.of(data, (150, 150, 3))).pixels
    theirs = np.asarray(keras.utils.load_img(io.BytesIO(buffer.getvalue()), target_size=(150, 150)))
    np.testing.assert_array_equal(ours, theirs)
