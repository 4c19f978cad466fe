"""Occlusion measures what it covers, and agrees with Grad-CAM where both must."""

from __future__ import annotations

import numpy as np
import pytest

from cnnforge_explain.grad_cam import evidence
from cnnforge_explain.observed_model import ObservedModel
from cnnforge_explain.occlusion import Occlusion, occlude, occlusion
from tests.unit.network import networks


def test_covering_the_evidence_costs_and_covering_what_contradicts_gains():
    image = networks.picture()[0]
    found = occlude(ObservedModel(networks.functional(2), networks.SHAPE), image, 1)
    worst, best = found.windows[found.drops.argmax()], found.windows[found.drops.argmin()]
    assert abs(worst - networks.RED).max() <= 3
    assert abs(best - networks.BLUE).max() <= 3
    assert found.drops.max() > 0 > found.drops.min()
    row, column = np.unravel_index(found.heatmap().argmax(), networks.SHAPE[:2])
    assert networks.RED[0] <= row < networks.RED[0] + 6
    assert networks.RED[1] <= column < networks.RED[1] + 6


def test_the_explainer_explains_each_image_for_its_class():
    images = np.concatenate([networks.picture()] * 2)
    maps = occlusion(networks.functional(2), images, np.array([1, 0]))
    assert (maps.shape, maps.dtype) == ((2, *networks.SHAPE[:2]), np.float32)
    for heatmap, (row, column) in zip(maps, (networks.RED, networks.BLUE), strict=True):
        assert heatmap[row + 2, column + 2] == pytest.approx(1, abs=0.3)
        assert heatmap.max() == 1


def test_windows_cover_every_pixel_of_any_shape():
    observed = ObservedModel(networks.subclassed(2), (32, 47, 3))
    found = occlude(observed, np.full((32, 47, 3), 100, np.uint8), 1)
    covered = np.zeros((32, 47), np.bool_)
    for top, left in found.windows.tolist():
        covered[top : top + found.side, left : left + found.side] = True
    assert covered.all()


def test_grad_cam_and_occlusion_agree_on_a_network_without_secrets():
    observed = ObservedModel(networks.functional(2), networks.SHAPE)
    generator = np.random.default_rng(0)
    image = np.zeros(networks.SHAPE, np.uint8)
    for row, column in generator.integers(0, 26, (8, 2)).tolist():
        image[row : row + 6, column : column + 6, 0] = generator.integers(60, 255)
    agreement = occlude(observed, image, 1).agreement(evidence(observed, image[None], 1)[0])
    assert agreement is not None
    assert agreement > 0.9


def test_agreement_is_a_rank_correlation():
    windows = np.array([(0, 0), (0, 2), (2, 0), (2, 2)])
    heatmap = np.kron(np.array([[1.0, 2.0], [3.0, 4.0]]), np.ones((2, 2)))
    assert Occlusion(windows, 2, np.array([1.0, 20, 300, 4000]), (4, 4)).agreement(heatmap) == pytest.approx(1)
    assert Occlusion(windows, 2, np.array([4.0, 3, 2, 1]), (4, 4)).agreement(heatmap) == pytest.approx(-1)
    assert Occlusion(windows, 2, np.array([1.0, 2, 3, 4]), (4, 4)).agreement(np.zeros((4, 4))) is None
