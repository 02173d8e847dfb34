"""Pieces moved, relit and joined to a host."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from imdl_lib import manipulations, pastes, shapes
from imdl_lib.pastes import Move, Piece


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.fixture
def piece(pack) -> Piece:
    image = pack[0][100:160, 200:280].copy()
    mask = np.zeros((60, 80), bool)
    mask[15:45, 10:60] = True
    return Piece(image, mask)


def whole(piece: Piece) -> shapes.Place:
    return shapes.placed(piece.mask.shape, np.array([20, 30]), (120, 140))


def host() -> np.ndarray:
    return np.full((120, 140, 3), (90, 120, 60), np.uint8)


# Moving


def test_a_third_of_the_moves_resample_nothing(rng):
    moves = [pastes.move(rng) for _ in range(3000)]
    kept = [move for move in moves if not move.interpolation]
    assert len(kept) / len(moves) == pytest.approx(1 / 3, abs=0.03)
    assert {(move.scale, move.degrees) for move in kept} == {(1.0, 0.0)}
    flipped = np.mean([move.flip for move in moves])
    assert flipped == pytest.approx(pastes.FLIPPED, abs=0.03)
    others = [move for move in moves if move.interpolation]
    assert {move.interpolation for move in others} == set(manipulations.INTERPOLATIONS)
    assert min(move.scale for move in others) < 0.72 and max(m.scale for m in others) > 1.38
    turned = [move.degrees for move in others if move.degrees]
    assert min(turned) < -18 and max(turned) > 18 and 0.2 < len(turned) / len(others) < 0.4


def test_what_is_not_resampled_keeps_its_pixels(piece):
    still = Move().of(piece)
    assert np.array_equal(still.image, piece.image) and np.array_equal(still.mask, piece.mask)
    flipped = Move(flip=True).of(piece)
    assert np.array_equal(flipped.image, piece.image[:, ::-1])
    assert np.array_equal(flipped.mask, piece.mask[:, ::-1])


@pytest.mark.parametrize("name", manipulations.INTERPOLATIONS)
def test_a_piece_is_scaled_by_the_interpolation_drawn(name, piece):
    moved = Move(scale=0.75, interpolation=name).of(piece)
    assert np.array_equal(moved.image, manipulations.resize(piece.image, 0.75, name))
    assert moved.mask.sum() == pytest.approx(0.75**2 * piece.mask.sum(), rel=0.05)


@pytest.mark.parametrize("degrees", [-20.0, 13.0])
def test_a_turned_piece_holds_all_of_its_mask(degrees, piece):
    moved = Move(1.2, degrees, False, "cubic").of(piece)
    assert moved.mask.sum() == pytest.approx(1.2**2 * piece.mask.sum(), rel=0.05)
    back = cv2.minAreaRect(np.argwhere(moved.mask)[:, ::-1].astype(np.float32))
    assert min(back[2] % 90, 90 - back[2] % 90) == pytest.approx(abs(degrees), abs=2)


def test_a_turned_piece_has_no_dark_corner(piece):
    white = piece._replace(image=np.full_like(piece.image, 200))
    assert Move(1.0, 17.0, False, "linear").of(white).image.min() == 200


def test_a_piece_is_never_empty():
    speck = Piece(np.zeros((5, 40, 3), np.uint8), np.zeros((5, 40), bool))
    speck.mask[2, 7:9] = True
    assert Move(0.3, interpolation="nearest").of(speck).mask.sum() == 1


def test_a_move_that_scales_more():
    assert Move(0.8, 5.0, True, "cubic").times(2.0) == Move(1.6, 5.0, True, "cubic")
    assert Move().times(2.0).interpolation == "linear" and Move().times(1.0) == Move()


# Joining


def pasted(piece: Piece, seam: str, monkeypatch, toned: float = 0.0, seed: int = 0) -> np.ndarray:
    monkeypatch.setattr(pastes, "SEAMS", (seam,))
    rng = np.random.default_rng(seed)
    return pastes.paste(host(), piece, whole(piece), toned, rng)


def framed(mask: np.ndarray, place: shapes.Place) -> np.ndarray:
    found = np.zeros((120, 140), bool)
    found[place.frame] = mask[place.shape]
    return found


def test_a_hard_seam_replaces_the_pixels_under_the_mask(piece, monkeypatch):
    image, mask = pasted(piece, "hard", monkeypatch), framed(piece.mask, whole(piece))
    assert np.array_equal(image[mask], piece.image[piece.mask])
    assert np.array_equal(image[~mask], host()[~mask])


@pytest.mark.parametrize("seam", ["soft", "blurred", "median", "inpainted"])
@pytest.mark.parametrize("seed", range(4))
def test_other_seams_alter_a_band_along_the_border(seam, seed, piece, monkeypatch):
    image, hard = (pasted(piece, name, monkeypatch, seed=seed) for name in (seam, "hard"))
    mask = framed(piece.mask, whole(piece)).astype(np.uint8)
    near = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((7, 7), np.uint8)) > 0
    assert np.array_equal(image[~near], hard[~near])
    assert (image[near] != hard[near]).any()
    steps = [
        np.abs(np.diff(i.astype(int), axis=1))[:, :, 0][:, 30 + 9].mean() for i in (image, hard)
    ]
    assert steps[0] < steps[1]  # the border is less sharp


def test_every_seam_is_drawn(piece, rng, monkeypatch):
    drawn, real = set(), pastes._joined
    monkeypatch.setattr(pastes, "_joined", lambda *a: drawn.add(a[3]) or real(*a))
    for _ in range(100):
        pastes.paste(host(), piece, whole(piece), 0.5, rng)
    assert drawn == set(pastes.SEAMS)


def test_a_piece_that_is_clipped(piece, monkeypatch):
    monkeypatch.setattr(pastes, "SEAMS", ("hard",))
    place = shapes.placed(piece.mask.shape, np.array([-20, 100]), (120, 140))
    image = pastes.paste(host(), piece, place, 0.0, np.random.default_rng(0))
    mask = framed(piece.mask, place)
    assert 0 < mask.sum() < piece.mask.sum()
    assert np.array_equal(image[~mask], host()[~mask])
    assert np.array_equal(image[mask], piece.image[place.shape][piece.mask[place.shape]])


# Tone


def test_light_and_colour_by_hand():
    """Levels (100, 40, 40) beside (60, 60, 60): the mean differs by 0, the colours by 40 and 20."""
    mask = np.ones((4, 4), bool)
    piece, flat = np.full((4, 4, 3), (100, 40, 40), np.uint8), np.full((4, 4, 3), 60, np.uint8)
    assert pastes.relit(piece, mask, flat, 0.0, 0.0)[0, 0].tolist() == [100, 40, 40]
    assert pastes.relit(piece, mask, flat, 1.0, 0.0)[0, 0].tolist() == [100, 40, 40]
    assert pastes.relit(piece, mask, flat, 0.0, 0.5)[0, 0].tolist() == [80, 50, 50]
    assert pastes.relit(piece, mask, flat + np.uint8(30), 0.5, 0.0)[0, 0].tolist() == [115, 55, 55]
    most = pastes.relit(piece, mask, flat * np.uint8(4), 1.0, 0.0)[0, 0, 1]
    assert most == 40 + pastes.MOST_SHIFT


def test_contrast_goes_towards_the_host(piece):
    lively = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    before, after = piece.image[piece.mask], pastes.relit(*piece, lively, 1.0, 0.0)[piece.mask]
    assert before.std(0).mean() < after.std(0).mean() < 1.45 * before.std(0).mean()
    assert pastes.relit(*piece, lively // 16, 1.0, 0.0)[piece.mask].std() < before.std()


def test_only_a_share_is_toned(piece, monkeypatch):
    plain = pasted(piece, "hard", monkeypatch)
    alike = [
        np.array_equal(pasted(piece, "hard", monkeypatch, 0.7, seed), plain) for seed in range(300)
    ]
    assert np.mean(alike) == pytest.approx(0.3, abs=0.08)


# Measures


def test_texture_and_means_by_hand():
    image = np.zeros((5, 5, 3), np.uint8)
    image[2, 2] = 10
    texture = pastes.texture(image)
    assert texture[2].tolist() == [0, 10, 40, 10, 0]
    mask = np.zeros((5, 5), bool)
    mask[2, 1:4] = True
    assert pastes.mean(texture, mask)[0] == pytest.approx(20)
    assert pastes.mean(image).tolist() == pytest.approx(3 * [10 / 25])


def test_a_rectangle_grows_within_its_image():
    box = pastes.grown(np.s_[2:10, 40:90], (60, 100))
    assert box == np.s_[0:16, 34:96]
    rows, columns = pastes.grown(np.s_[50:58, 0:4], (60, 100), 40)
    assert (rows, columns) == np.s_[20:60, 0:40]


def test_a_piece_is_cut_with_a_margin():
    mask = np.zeros((50, 60), bool)
    mask[20:24, 30:33] = True
    image = np.arange(50 * 60 * 3).reshape(50, 60, 3).astype(np.uint8)
    piece = pastes.cut(image, mask)
    assert piece.mask.shape == (4 + 12, 3 + 12) and piece.mask.sum() == 12
    assert np.array_equal(piece.image, image[14:30, 24:39])
    assert replace(Move(), flip=True).of(piece).mask.sum() == 12
