"""Every kind of image file that a user may hand in, and the full text of every refusal."""

import errno
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from imdl_lib import images
from imdl_lib.errors import DataError


@pytest.fixture
def rgb() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (12, 20, 3), np.uint8)


def refused(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        images.read(path)
    return str(caught.value)


def saved(path: Path, array: np.ndarray, **options) -> Path:
    Image.fromarray(array).save(path, **options)
    return path


@pytest.mark.parametrize("ending", ["png", "bmp", "tif", "webp", "gif"])
def test_plain_images_come_back_as_they_are(tmp_path, rgb, ending):
    lossless = {"lossless": True} if ending == "webp" else {}
    if ending == "gif":
        rgb = np.repeat(rgb[..., :1], 3, axis=2)
    path = saved(tmp_path / f"a.{ending}", rgb, **lossless)
    image = images.read(path)
    assert image.dtype == np.uint8
    assert np.array_equal(image, rgb)


def test_jpeg(tmp_path):
    path = saved(tmp_path / "a.jpg", np.full((12, 20, 3), 77, np.uint8), quality=95)
    assert np.array_equal(images.read(path), np.full((12, 20, 3), 77))


def test_one_pixel(tmp_path):
    path = saved(tmp_path / "a.png", np.full((1, 1, 3), 9, np.uint8))
    assert images.read(path).tolist() == [[[9, 9, 9]]]


def test_grey_is_repeated(tmp_path, rgb):
    path = saved(tmp_path / "a.png", rgb[..., 0])
    assert np.array_equal(images.read(path), np.repeat(rgb[..., :1], 3, axis=2))


def test_black_and_white(tmp_path, rgb):
    mask = rgb[..., 0] > 127
    path = saved(tmp_path / "a.png", mask)
    assert np.array_equal(images.read(path)[..., 1] == 255, mask)


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_16_bit_loses_its_low_byte(tmp_path, ending):
    path = saved(tmp_path / f"a.{ending}", np.array([[0, 255, 256, 65535]], np.uint16))
    assert images.read(path).tolist() == [[[0] * 3, [0] * 3, [1] * 3, [255] * 3]]


def test_16_bit_colour_loses_its_low_byte(tmp_path):
    rows = b"\0" + np.array([[0, 511, 65535]], ">u2").tobytes()
    header = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + png_chunks(IHDR=header, IDAT=zlib.compress(rows)))
    assert images.read(path).tolist() == [[[0, 1, 255]]]


def png_chunks(**chunks: bytes) -> bytes:
    parts = b""
    for name, body in {**chunks, "IEND": b""}.items():
        tagged = name.encode() + body
        parts += struct.pack(">I", len(body)) + tagged + struct.pack(">I", zlib.crc32(tagged))
    return parts


def test_transparency_is_shown_on_white(tmp_path):
    pixels = np.array([[[10, 20, 30, 255], [10, 20, 30, 0], [0, 0, 0, 51]]], np.uint8)
    path = saved(tmp_path / "a.png", pixels)
    assert images.read(path).tolist() == [[[10, 20, 30], [255] * 3, [204] * 3]]


def test_grey_with_transparency(tmp_path):
    path = tmp_path / "a.png"
    Image.new("LA", (1, 1), (100, 0)).save(path)
    assert images.read(path).tolist() == [[[255] * 3]]


def test_palette(tmp_path):
    path = tmp_path / "a.png"
    image = Image.new("P", (2, 1))
    image.putpalette([1, 2, 3, 40, 50, 60])
    image.putpixel((1, 0), 1)
    image.save(path)
    assert images.read(path).tolist() == [[[1, 2, 3], [40, 50, 60]]]
    image.save(path, transparency=bytes([255, 0]))
    assert images.read(path).tolist() == [[[1, 2, 3], [255] * 3]]


def test_cmyk(tmp_path):
    path = tmp_path / "a.tif"
    Image.new("CMYK", (2, 1), (0, 255, 255, 0)).save(path)
    assert images.read(path).tolist() == [[[255, 0, 0]] * 2]


@pytest.mark.parametrize(
    ("orientation", "turned"),
    [(3, lambda a: a[::-1, ::-1]), (6, lambda a: np.rot90(a, -1)), (8, lambda a: np.rot90(a))],
)
def test_exif_orientation_is_applied(tmp_path, rgb, orientation, turned):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path / "a.png", rgb, exif=exif)
    assert np.array_equal(images.read(path), turned(rgb))


ODD = {  # entries with a type or count that their tag does not have: (tag, type, count, bytes)
    "resolution as text": (0x011A, 2, 3, b"72\0"),
    "resolution below zero": (0x011A, 10, 1, struct.pack("<ii", -1, 0)),
    "description as number": (0x010E, 5, 1, struct.pack("<II", 1, 1)),
    "photometric twice": (0x0106, 3, 2, struct.pack("<HH", 2, 2)),
    "camera data nowhere": (0x8769, 6, 1, b"\xff"),
    "rights as numbers": (0x02BC, 3, 2, struct.pack("<HH", 1, 1)),
    "more than there is": (0x9286, 7, 100_000, b"1234567"),
}
HELD = (0x0112, 3, 1, struct.pack("<H", 6))  # a quarter turn


def directory(entries: list[tuple], start: int = 8) -> bytes:
    """A TIFF directory of (tag, type, count, bytes), and behind it what is longer than 4 bytes."""
    behind, rows = b"", struct.pack("<H", len(entries))
    first = start + 2 + 12 * len(entries) + 4
    for tag, kind, number, value in sorted(entries):
        place = struct.pack("<I", first + len(behind)) if len(value) > 4 else value.ljust(4, b"\0")
        rows += struct.pack("<HHI", tag, kind, number) + place
        behind += value if len(value) > 4 else b""
    return rows + b"\0\0\0\0" + behind


def with_exif(path: Path, block: bytes) -> Path:
    """A red photo of 60 x 40 px that holds ``block`` as its EXIF data."""
    photo = Image.new("RGB", (60, 40), "red")
    if path.suffix != ".jpg":
        photo.save(path, exif=b"Exif\0\0" + block)
        return path
    photo.save(path)
    body, length = path.read_bytes(), struct.pack(">H", len(block) + 8)
    path.write_bytes(body[:2] + b"\xff\xe1" + length + b"Exif\0\0" + block + body[2:])
    return path


def tiff(path: Path, odd: tuple) -> Path:
    """A red TIFF of 60 x 40 px, held turned, whose only directory has an odd entry too."""
    short = {0x0100: 60, 0x0101: 40, 0x0102: 8, 0x0103: 1, 0x0106: 2, 0x0115: 3, 0x0116: 40}
    entries = [(tag, 3, 1, struct.pack("<H", number)) for tag, number in short.items()]
    entries = [entry for entry in entries if entry[0] != odd[0]]
    entries += [HELD, odd, (0x0117, 4, 1, struct.pack("<I", 7200))]
    length = 8 + len(directory([*entries, (0x0111, 4, 1, b"\0\0\0\0")]))
    entries.append((0x0111, 4, 1, struct.pack("<I", length)))
    path.write_bytes(b"II*\0\x08\0\0\0" + directory(entries) + b"\xff\0\0" * 2400)
    return path


@pytest.mark.parametrize("ending", ["jpg", "png", "webp"])
@pytest.mark.parametrize("odd", ODD.values(), ids=ODD.keys())
def test_an_odd_exif_entry_neither_hides_the_photo_nor_its_rotation(tmp_path, ending, odd):
    block = b"II*\0\x08\0\0\0" + directory([HELD, odd])
    assert images.read(with_exif(tmp_path / f"a.{ending}", block)).shape == (60, 40, 3)


@pytest.mark.parametrize("name", ODD.keys() - {"photometric twice", "more than there is"})
def test_an_odd_entry_in_a_tiff(tmp_path, name):
    assert images.read(tiff(tmp_path / "a.tif", ODD[name])).shape == (60, 40, 3)


@pytest.mark.parametrize("block", [b"", b"no TIFF header", b"II*\0\x08\0\0\0", b"II*\0\xff\0\0\0"])
def test_exif_data_that_cannot_be_read_turn_nothing(tmp_path, block):
    assert images.read(with_exif(tmp_path / "a.jpg", block)).shape == (40, 60, 3)


@pytest.mark.parametrize("value", [(2, 1, b"6"), (1, 1, b"\6"), (3, 1, b"\0\0"), (3, 1, b"\11\0")])
def test_an_unknown_rotation_turns_nothing(tmp_path, value):
    block = b"II*\0\x08\0\0\0" + directory([(0x0112, *value)])
    assert images.read(with_exif(tmp_path / "a.jpg", block)).shape == (40, 60, 3)


def test_a_format_whose_reader_stops_in_its_own_way(tmp_path, rgb, monkeypatch):
    path = saved(tmp_path / "a.png", rgb)
    monkeypatch.setattr(Image, "open", lambda path: {}[262])
    assert refused(path) == (
        f"{path} cannot be read: KeyError (262). "
        "Expected a JPEG, PNG, TIFF, WebP or BMP photo. Save it as one of these."
    )


@pytest.mark.parametrize("ending", ["jpg", "png", "webp"])
@pytest.mark.parametrize("rotation", range(1, 9))
def test_a_size_is_that_of_the_image_that_is_read(tmp_path, ending, rotation):
    block = b"II*\0\x08\0\0\0" + directory([(0x0112, 3, 1, struct.pack("<H", rotation))])
    path = with_exif(tmp_path / f"a.{ending}", block)
    assert images.size(path) == images.read(path).shape[:2]
    assert images.size(path) == ((40, 60) if rotation < 5 else (60, 40))


def test_the_size_of_a_tiff_that_was_held_turned(tmp_path):
    assert images.size(tiff(tmp_path / "a.tif", ODD["resolution as text"])) == (60, 40)


def test_of_an_mpo_the_first_picture_is_read(tmp_path):
    first, second = Image.new("RGB", (8, 8), "black"), Image.new("RGB", (8, 8), "white")
    first.save(tmp_path / "a.mpo", save_all=True, append_images=[second])
    assert images.read(tmp_path / "a.mpo").max() < 5


def test_missing(tmp_path):
    assert refused(tmp_path / "a.png") == (
        f"{tmp_path}/a.png does not exist. Expected an image file. Check the path."
    )


def test_folder(tmp_path):
    assert refused(tmp_path) == f"{tmp_path} is a folder. Expected an image file. Check the path."


def test_a_file_that_may_not_be_read(tmp_path, rgb, monkeypatch):
    path = saved(tmp_path / "a.png", rgb)
    denied = PermissionError(errno.EACCES, "Permission denied")
    monkeypatch.setattr(Image, "open", lambda path: (_ for _ in ()).throw(denied))
    assert refused(path) == (
        f"{path} cannot be read: permission is denied. Ask its owner for the right to read it."
    )


def test_a_name_that_is_too_long(tmp_path):
    path = tmp_path / ("n" * 300)
    assert refused(path) == f"{path} cannot be read: its name is too long. Check the path."


def empty(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_images_of_a_folder(tmp_path):
    """Companions that macOS and Windows leave, folders and broken links are no images."""
    empty(tmp_path, "b.JPG", "a.tif", "._a.tif", "Thumbs.db", ".DS_Store", "dir.jpg/c.jpg")
    (tmp_path / "gone.jpg").symlink_to("nowhere.jpg")
    (tmp_path / "link.jpg").symlink_to("b.JPG")
    found = [path.name for path in images.directly_in(tmp_path)]
    assert found == ["a.tif", "b.JPG", "link.jpg"]
    assert images.directly_in(tmp_path / "none") == []


def test_images_below_a_folder(tmp_path):
    """In linked folders too, and each once, whatever leads to it."""
    mine, other = tmp_path / "mine", tmp_path / "other"
    empty(mine, "x/b.jpg", "a.jpg", "dir.jpg/c.png", "__MACOSX/x/._b.jpg", ".trash/d.jpg")
    empty(other, "y.jpg", "deep/z.jpg")
    (mine / "b").symlink_to(other)
    (mine / "c").symlink_to("../other")  # again
    (mine / "x" / "up").symlink_to(mine)  # round and round
    (mine / "same.jpg").symlink_to("a.jpg")
    (mine / "gone").symlink_to("nowhere")
    found = [path.relative_to(mine).as_posix() for path in images.below(mine)]
    assert found == ["a.jpg", "b/deep/z.jpg", "b/y.jpg", "dir.jpg/c.png", "x/b.jpg"]
    assert images.below(tmp_path / "none") == []


def test_a_folder_below_that_may_not_be_read(tmp_path, monkeypatch):
    def walk(folder: Path, onerror, followlinks: bool):
        onerror(PermissionError(errno.EACCES, "Permission denied", f"{folder}/inner"))

    monkeypatch.setattr(images.os, "walk", walk)
    with pytest.raises(DataError) as caught:
        images.below(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}/inner cannot be read: permission is denied. "
        "Ask its owner for the right to read it."
    )


def test_zero_bytes(tmp_path):
    (tmp_path / "a.png").touch()
    assert refused(tmp_path / "a.png") == (
        f"{tmp_path}/a.png is empty: it holds 0 bytes. Expected an image file. "
        "Fetch or copy it again."
    )


def test_no_image(tmp_path):
    (tmp_path / "a.png").write_text("a letter")
    assert refused(tmp_path / "a.png") == (
        f"{tmp_path}/a.png is not an image that can be read. "
        "Expected a JPEG, PNG, TIFF, WebP or BMP photo. Save it as one of these."
    )


@pytest.mark.parametrize("ending", ["jpg", "png", "tif", "bmp", "webp"])
def test_truncated(tmp_path, ending):
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    path = saved(tmp_path / f"a.{ending}", noise)
    path.write_bytes(path.read_bytes()[:-9000])
    text = refused(path)
    if ending == "webp":  # its decoder cannot tell a short file from another kind of file
        assert text.startswith(f"{path} is ")
        return
    assert text.startswith(f"{path} is damaged or truncated (")
    assert text.endswith("). Expected a whole image file. Fetch or copy it again.")


def test_truncated_jpeg_in_full(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    path = saved(tmp_path / "a.jpg", noise, quality=100)
    path.write_bytes(path.read_bytes()[:2000])
    assert re.sub(r"\d+ bytes", "N bytes", refused(path)) == (
        f"{path} is damaged or truncated (image file is truncated (N bytes not processed)). "
        "Expected a whole image file. Fetch or copy it again."
    )


def test_damaged_checksum_inside(tmp_path, rgb):
    path = saved(tmp_path / "a.png", rgb)
    body = bytearray(path.read_bytes())
    body[45] ^= 255
    path.write_bytes(body)
    assert refused(path).startswith(f"{path} is damaged or truncated (")


@pytest.mark.parametrize("ending", ["gif", "png", "webp", "tif"])
def test_animated(tmp_path, ending):
    frames = [Image.new("RGB", (8, 8), (40 * n, 0, 0)) for n in range(3)]
    path = tmp_path / f"a.{ending}"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    assert refused(path) == (
        f"{path} holds 3 frames. Expected a single photo. "
        "Save the frame that you mean as a PNG and give that."
    )


@pytest.mark.parametrize(
    ("ending", "tags"),
    [
        ("tif", {254: 1, 50706: b"\1\4\0\0"}),
        ("tif", {50706: b"\1\4\0\0"}),
        ("tif", {254: 1}),
        ("NEF", {}),
    ],
)
def test_raw(tmp_path, rgb, ending, tags):
    """Of a camera's raw file, which is laid out as a TIFF, only a small copy could be read."""
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in tags.items():
        directory[tag] = value
    path = tmp_path / f"a.{ending}"
    Image.fromarray(rgb).save(path, format="TIFF", tiffinfo=directory)
    assert refused(path) == (
        f"{path} holds a raw photo, of which no more than a preview can be read. "
        "Expected a developed photo. Develop it and give a JPEG, PNG or TIFF."
    )


def test_a_large_image_is_scaled_by_area():
    """Checks of 1 px leave nothing but their mean; by linear interpolation they would stay."""
    row, column = np.mgrid[:300, :400]
    checks = ((row + column) % 2 * 255).astype(np.uint8)[..., None].repeat(3, 2)
    small = images.at_most(checks, 160)
    assert small.shape == (120, 160, 3) and small.std() < 6
    assert images.at_most(checks, 400) is checks


@pytest.mark.parametrize("size", [(1, 1), (20_000, 8), (3, 500), (300, 400)])
def test_a_size_that_was_made_smaller_keeps_its_shape(size):
    height, width = images.size_at_most(size, 100)
    assert min(height, width) >= 1 and max(height, width) <= 100
    assert abs(height / size[0] - width / size[1]) <= 1 / min(size)


@pytest.mark.parametrize("kind", [np.float32, np.int32])
def test_32_bit(tmp_path, kind):
    path = saved(tmp_path / "a.tif", np.zeros((4, 4), kind))
    assert refused(path) == (
        f"{path} holds 32-bit values. Expected 8 or 16 bits per channel. "
        "Save it as an 8-bit PNG and give that."
    )


@pytest.mark.parametrize(
    ("size", "megapixels"), [((10_001, 10_000), "100.01"), ((20_000, 10_000), "200.00")]
)
def test_too_many_megapixels(tmp_path, size, megapixels):
    path = tmp_path / "a.png"
    Image.new("1", size).save(path)
    assert refused(path) == (
        f"{path} has {megapixels} megapixels. Expected at most 100. "
        "Make a smaller copy and give that."
    )


def test_exactly_100_megapixels_are_read(tmp_path):
    path = tmp_path / "a.png"
    Image.new("1", (100_000, 1_000)).save(path)
    assert images.read(path).shape == (1_000, 100_000, 3)
