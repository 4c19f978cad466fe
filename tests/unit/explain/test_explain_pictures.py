"""Pictures of filters and maps."""

from __future__ import annotations

import numpy as np

from cnnforge.evaluation.pictures import overlay
from cnnforge_explain.pictures import filter_sheet, map_sheet


def test_a_filter_for_red_is_red_and_a_weight_of_zero_is_grey():
    kernel = np.zeros((3, 3, 3, 2), np.float32)
    kernel[1, 1, 0, 0] = 0.01
    sheet = np.asarray(filter_sheet(kernel))
    assert sheet.shape == (96, 2 * 96 + 4, 3)
    assert sheet[48, 48].tolist() == [255, 127, 127]
    assert sheet[5, 5].tolist() == [127, 127, 127]


def test_only_the_first_64_filters_are_drawn_eight_in_a_row():
    assert filter_sheet(np.ones((5, 5, 8, 100))).size == (8 * 99 - 4, 8 * 99 - 4)


def test_the_maps_that_answer_most_come_first():
    maps = np.zeros((4, 4, 12), np.float32)
    maps[0, 0, 3], maps[3, 3, 7] = 10, 20
    sheet = np.asarray(map_sheet(maps))
    assert sheet.shape == (2 * 100 - 4, 4 * 100 - 4, 3)
    assert (sheet[90, 90, 0], sheet[5, 105, 0], sheet[5, 5, 0]) == (255, 255, 0)


def test_large_maps_are_shrunk():
    assert map_sheet(np.random.default_rng(0).random((300, 200, 3))).size == (3 * 68 - 4, 96)


def test_an_overlay_is_grey_without_evidence_and_coloured_with_it():
    image = np.full((8, 8, 3), (200, 100, 50), np.uint8)
    heatmap = np.zeros((8, 8))
    heatmap[4:] = 1
    laid = np.asarray(overlay(image, heatmap)).astype(int)
    assert np.ptp(laid[0, 0]) == 0
    assert np.ptp(laid[7, 7]) > 30
    assert np.asarray(overlay(image[:, :, :1], heatmap)).shape == (8, 8, 3)
