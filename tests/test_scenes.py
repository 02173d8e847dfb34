"""Hosts, donors, copies and regions: from which photo, how large, how they went there."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from imdl_lib import cameras, histories, objects, pastes, scenes, shapes
from imdl_lib.histories import History
from imdl_lib.pastes import Move
from imdl_lib.recipes import Recipe
from imdl_lib.scenes import Draw

PLAIN = Recipe(("splice",), ("packaged",), "test", 8, 48)


def draws(pack, count: int = 30, size_px: int = 48, **settings) -> list[Draw]:
    recipe = replace(PLAIN, size_px=size_px, **settings)
    return [Draw(recipe, pack, np.random.default_rng([3, n]), size_px) for n in range(count)]


@pytest.fixture
def untouched(monkeypatch):
    """No photo has a history."""
    monkeypatch.setattr(histories, "drawn", lambda *a: History())
    monkeypatch.setattr(histories, "compression", lambda rng: (None, (0, 0)))
    monkeypatch.setattr(histories, "scale", lambda most, rng: 1.0)


def contains(photo: np.ndarray, image: np.ndarray) -> tuple[slice, slice] | None:
    """Where a photo holds an image, pixel by pixel; None where it does not."""
    found = cv2.matchTemplate(photo, image, cv2.TM_SQDIFF)
    at = np.unravel_index(found.argmin(), found.shape)
    window = tuple(slice(start, start + n) for start, n in zip(at, image.shape, strict=False))
    return window if np.array_equal(photo[window], image) else None


# Hosts


def test_a_host_is_a_square_of_the_photo_it_names(pack, untouched):
    for draw in draws(pack, 8):
        host = draw.host()
        window = contains(pack[host.photo], host.image)
        assert np.array_equal(pack.segments(host.photo)[window], host.segments)


@pytest.mark.parametrize("cameras", [False, True])
@pytest.mark.parametrize("size_px", [31, 64, 200])
def test_hosts_have_the_size_asked_for(cameras, size_px, pack):
    for draw in draws(pack, 12, size_px, cameras=cameras):
        host = draw.host()
        assert host.image.shape == (size_px, size_px, 3) and host.segments.shape == (size_px,) * 2
        assert (host.history.camera is not None) == cameras


def test_segments_follow_the_image_through_its_history(pack, monkeypatch):
    """Segments cut from an image of segments keep their numbers, scaled and shifted alike."""
    monkeypatch.setattr(histories, "drawn", lambda *a: History(1.7, None, (5, 2)))
    draw = draws(pack, 1)[0]
    host, again = draw.host(), draws(pack, 1)[0]
    number, size = host.photo, host.history.side(48)
    monkeypatch.setattr(
        scenes.photos, "patch", lambda photo, side, rng: (photo[:side, :side], np.s_[:side, :side])
    )
    shown = again.host()
    assert shown.photo == number and shown.history.side(48) == size
    scaled = cv2.resize(
        pack.segments(number)[:size, :size], (53, 53), interpolation=cv2.INTER_NEAREST_EXACT
    )
    assert np.array_equal(shown.segments, scaled[5:53, 2:50])


def test_only_photos_that_are_large_enough_are_hosts(pack):
    sides = {number: min(photo.shape[:2]) for number, photo in enumerate(pack)}
    wanted = sorted(sides.values())[-2]
    found = {draw.host().photo for draw in draws(pack, 25, wanted, scene_px=None)}
    assert found == {number for number, side in sides.items() if side >= wanted}


# Donors


def test_a_donor_is_another_photo_than_the_host(pack, monkeypatch):
    seen, real = [], Draw._object
    monkeypatch.setattr(
        Draw,
        "_object",
        lambda self, host, area: seen.append((host, found := real(self, host, area))) or found,
    )
    for draw in draws(pack):
        draw.donor(draw.host(), Move(), np.array([5, 5]))
    assert all(host != found[0] for host, found in seen)
    assert {found[0] for _, found in seen} == set(range(len(pack)))


def test_a_piece_of_a_donor_is_as_it_was_in_its_photo(pack, untouched):
    """Neither scaled, compressed nor resampled by the paste: the photo's own pixels."""
    for draw in draws(pack, 10):
        piece = draw.donor(draw.host(), Move(), np.array([20, 20]))
        assert any(contains(photo, piece.image) for photo in pack)
        assert piece.mask.any()


def test_donors_have_histories_of_their_own(pack, monkeypatch):
    taken, real = [], History.of
    monkeypatch.setattr(History, "of", lambda self, *rest: taken.append(self) or real(self, *rest))
    for draw in draws(pack, 200):
        draw.donor(draw.host(), Move(), np.array([20, 20]))
    hosts, donors = taken[::2], taken[1::2]
    compressed = np.array(
        [[h.quality is not None for h in pair] for pair in zip(hosts, donors, strict=True)]
    )
    assert compressed.mean(0) == pytest.approx(2 * [histories.COMPRESSED], abs=0.12)
    both = compressed.all(1)
    assert abs(both.mean() - compressed.mean(0).prod()) < 0.1  # independently
    assert np.mean([h.scale > 1 for h in donors]) == pytest.approx(histories.SCALED, abs=0.12)


def test_the_cameras_of_host_and_donor_differ(pack, monkeypatch):
    taken, real = [], Draw._piece
    monkeypatch.setattr(
        Draw, "_piece", lambda self, found: taken.append(found.history.camera) or real(self, found)
    )
    hosts = []
    for draw in draws(pack, 60, cameras=True):
        host = draw.host()
        hosts.append(host.history.camera)
        draw.donor(host, Move(), np.array([20, 20]))
    assert all(a != b for a, b in zip(hosts, taken, strict=True))
    assert set(hosts) == set(taken) == set(range(len(cameras.CAMERAS)))


@pytest.mark.parametrize("cameras", [False, True])
def test_a_piece_covers_what_the_recipe_says(cameras, pack):
    made = draws(pack, 40, 128, area=(0.1, 0.1), cameras=cameras)
    shares = [
        draw.donor(draw.host(), Move(), np.array([64, 64])).mask.sum() / 128**2 for draw in made
    ]
    assert np.median(shares) == pytest.approx(0.1, rel=0.25)
    assert min(shares) > 0.04 and max(shares) < 0.25


def test_most_pieces_have_the_colours_of_their_place(pack):
    """Asked for a place, a donor's mean colour is nearer to it than to another's."""
    near, far = [], []
    made = draws(pack, 60)
    hosts = [draw.host() for draw in made]
    for draw, host, other in zip(made, hosts, hosts[1:] + hosts[:1], strict=True):
        colour = pastes.mean(*draw.donor(host, Move(), np.array([24, 24])))
        for distances, scene in ((near, host), (far, other)):
            distances.append(np.abs(pastes.mean(scene.image[16:32, 16:32]) - colour).mean())
    assert np.mean(near) < 0.8 * np.mean(far)


# Copies


def test_a_copy_is_of_its_host_and_beside_its_source(pack):
    overlaps, changes = [], []
    for draw in draws(pack, 60, 64):
        host = draw.host()
        copy = draw.copy(host, Move())
        shown = copy.piece.mask[copy.place.shape]
        overlaps.append((shown & copy.source[copy.place.frame]).sum() / shown.sum())
        under = host.image[copy.place.frame].astype(int) - copy.piece.image[copy.place.shape]
        changes.append(np.abs(under)[shown].mean())
        box = pastes.grown(shapes.bounds(copy.source), (64, 64))
        assert np.array_equal(copy.piece.image, host.image[box])
    assert np.mean(np.array(overlaps) > scenes.MOST_OVERLAP + 0.01) < 0.15
    assert np.mean(np.array(changes) < scenes.LEAST_CHANGE) < 0.1


def outlined(draw: Draw) -> scenes.Scene:
    """A scene in which a person outlined two objects, on nothing."""
    host = draw.host()
    segments = np.zeros((64, 64), np.uint8)
    segments[5:25, 8:30], segments[40:60, 30:60] = 1, 2
    return host._replace(segments=segments, whole=(host.image, segments))


def test_most_sources_are_objects_where_a_person_outlined_some(pack, monkeypatch):
    monkeypatch.setattr(objects, "is_human", lambda pack, photo: True)
    scene = outlined(draws(pack, 1, 64)[0])
    found = [draw.source(scene) for draw in draws(pack, 200, 64, area=(0.1, 0.2))]
    each = [np.mean([np.array_equal(mask, scene.segments == n) for mask in found]) for n in (1, 2)]
    assert sum(each) == pytest.approx(scenes.OUTLINED, abs=0.1) and min(each) > 0.2


# Regions of the host


@pytest.mark.parametrize("human", [False, True])
def test_regions_lie_anywhere_and_cover_what_the_recipe_says(human, pack, monkeypatch):
    monkeypatch.setattr(objects, "is_human", lambda pack, photo: human)
    shares = [draw.region(draw.host()).mean() for draw in draws(pack, 100, 64, area=(0.05, 0.1))]
    assert min(shares) > 0 and max(shares) < 0.3  # strokes overshoot
    assert 0.03 < np.median(shares) < 0.1


def test_large_regions_are_all_but_a_small_one(pack):
    shares = [draw.region(draw.host()).mean() for draw in draws(pack, 40, 64, area=(0.6, 0.85))]
    assert min(shares) > 0.45 and np.median(shares) > 0.65


def test_regions_are_objects_or_parts_of_them_where_a_person_outlined_some(pack, monkeypatch):
    monkeypatch.setattr(objects, "is_human", lambda pack, photo: True)
    scene, kinds = outlined(draws(pack, 1, 64)[0]), []
    for draw in draws(pack, 300, 64, area=(0.1, 0.2)):
        mask = draw.region(scene)
        inside = np.unique(scene.segments[mask])
        whole = len(inside) == 1 and inside[0] and (mask == (scene.segments == inside[0])).all()
        kinds.append("object" if whole else "part" if len(inside) == 1 else "free")
    assert 20 < kinds.count("object") < 120  # of a fifth of the frame, which objects cover
    assert 100 < kinds.count("part") + kinds.count("object") < 230


def test_most_other_regions_are_drawn_out_to_superpixels(pack, monkeypatch):
    asked = []
    monkeypatch.setattr(shapes, "snapped", lambda mask, segments: asked.append(1) or mask)
    made = draws(pack, 300)
    for draw in made:
        draw.region(draw.host())
    wanted = (1 - scenes.STROKES) * scenes.SNAPPED
    assert len(asked) / len(made) == pytest.approx(wanted, abs=0.08)
    monkeypatch.setattr(objects, "is_human", lambda pack, photo: True)
    asked.clear()
    made[0].region(made[0].host())
    assert not asked
