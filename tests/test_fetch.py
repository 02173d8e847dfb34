"""Fetching from a local server: whole, verified, resumed, and every fault explained."""

import errno
import hashlib
import http.server
import io
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imdl_lib import checksums, fetch
from imdl_lib.checksums import FetchSpec, Sum
from imdl_lib.errors import DataError, RegistryError

PHOTOS = {f"photos/tiny/{n}.jpg": bytes([n]) * 2000 for n in range(5)}


class Server(http.server.ThreadingHTTPServer):
    """Serves a dict of bytes; notes what was asked for; may answer some paths with half a body."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.cut: set[str] = set()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        body = self.server.content.get(self.path)
        if body is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if self.path in self.server.cut else body)

    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def server(monkeypatch, tmp_path):
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("IMDL_BASE_URL", f"http://127.0.0.1:{running.server_port}")
        monkeypatch.setenv("IMDL_DATA", str(tmp_path / "data"))
        monkeypatch.setenv("IMDL_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(fetch, "RETRIES", 0)
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def tiny(server, monkeypatch):
    """A set of five files, which the server has."""
    spec = FetchSpec(
        "tiny", "a tiny set", "photos/tiny", 1, "CC0", "here", {"photos/tiny": "o/r/m"}
    )
    monkeypatch.setitem(checksums.SETS, "tiny", spec)
    sums = {path: Sum(hashlib.sha256(body).hexdigest()) for path, body in PHOTOS.items()}
    monkeypatch.setattr(checksums, "_sums", lambda: sums)
    checksums.listed.cache_clear()
    server.content = {f"/o/r/m/{Path(path).name}": body for path, body in PHOTOS.items()}
    yield server
    checksums.listed.cache_clear()


def url(server: Server, path: str) -> str:
    return f"http://127.0.0.1:{server.server_port}/{path}"


def test_get_writes_every_file_and_check_agrees(tiny, tmp_path):
    report = fetch.get("tiny", progress=False)
    assert report == fetch.check("tiny")
    assert report.complete
    assert str(report) == "tiny: all 5 files are here and match their checksums."
    for path, body in PHOTOS.items():
        assert (tmp_path / "data" / path).read_bytes() == body
    left = {p.name for p in (tmp_path / "data/photos/tiny").iterdir()}
    assert left == {Path(path).name for path in PHOTOS}


def test_a_second_get_asks_only_for_what_is_missing_or_damaged(tiny, tmp_path):
    fetch.get("tiny", progress=False)
    (tmp_path / "data/photos/tiny/1.jpg").unlink()
    (tmp_path / "data/photos/tiny/3.jpg").write_bytes(b"other")
    assert str(fetch.check("tiny")) == (
        "tiny: 3 of 5 files are whole; 1 missing, 1 damaged.\n"
        "  missing photos/tiny/1.jpg\n"
        "  damaged photos/tiny/3.jpg\n"
        "Run `imdl data get tiny`: it fetches only what is missing or damaged."
    )
    tiny.asked.clear()
    assert fetch.get("tiny", progress=False).complete
    assert sorted(tiny.asked) == ["/o/r/m/1.jpg", "/o/r/m/3.jpg"]


def test_a_report_names_ten_files_at_most():
    report = fetch.Report("bsds500", (), tuple(f"{n}.jpg" for n in range(1200)), ())
    lines = str(report).splitlines()
    assert lines[0] == "bsds500: 0 of 1,200 files are whole; 1,200 missing, 0 damaged."
    assert lines[10:] == ["  missing 9.jpg", "  and 1,190 more", fetch.remedy("bsds500")]


def test_what_was_fetched_before_a_fault_is_kept(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "CONNECTIONS", 1)
    del tiny.content["/o/r/m/4.jpg"]
    with pytest.raises(DataError) as caught:
        fetch.get("tiny", progress=False)
    assert str(caught.value) == (
        f"4.jpg was not fetched: {url(tiny, 'o/r/m/4.jpg')} answered with code 404. "
        "Expected the file. Wait a little and run `imdl data get tiny` again; "
        "what is finished is kept."
    )
    assert len(fetch.check("tiny").present) == 4


def test_wrong_checksum(tiny, tmp_path):
    tiny.content["/o/r/m/2.jpg"] = b"something else"
    wanted = hashlib.sha256(PHOTOS["photos/tiny/2.jpg"]).hexdigest()
    received = hashlib.sha256(b"something else").hexdigest()
    with pytest.raises(DataError) as caught:
        fetch.get("tiny", progress=False)
    assert str(caught.value) == (
        f"2.jpg was not kept: what {url(tiny, 'o/r/m/2.jpg')} sent has another checksum than the "
        f"listed one. Expected SHA-256 {wanted}, received {received}. Wait a little and run "
        "`imdl data get tiny` again; what is finished is kept."
    )
    assert not (tmp_path / "data/photos/tiny/2.jpg").exists()


def test_a_connection_that_breaks_off(tiny, tmp_path):
    tiny.cut.add("/o/r/m/0.jpg")
    with pytest.raises(DataError, match=r"^0\.jpg was not fetched: the connection to .* failed\."):
        fetch.get("tiny", progress=False)
    assert not (tmp_path / "data/photos/tiny/0.jpg").exists()


def test_no_network(tiny, monkeypatch):
    monkeypatch.setenv("IMDL_BASE_URL", "http://127.0.0.1:9/")
    monkeypatch.setattr(fetch, "CONNECTIONS", 1)
    with pytest.raises(DataError) as caught:
        fetch.get("tiny", progress=False)
    assert str(caught.value) == (
        "0.jpg was not fetched: the connection to http://127.0.0.1:9/o/r/m/0.jpg failed. "
        "Expected the file. Check the network and run `imdl data get tiny` again; "
        "what is finished is kept."
    )


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, "the disk is full. Free some space and run the same command again"),
        (errno.EROFS, "the disk is read-only. Name a folder that can be written"),
        (errno.EACCES, "permission is denied. Name a folder that you can write to"),
    ],
)
def test_a_data_root_that_cannot_be_written(tiny, monkeypatch, tmp_path, number, reason):
    def refuse(*_args, **_kwargs) -> None:
        raise OSError(number, "refused")

    monkeypatch.setattr(fetch, "TemporaryFile", refuse)
    with pytest.raises(DataError) as caught:
        fetch.get("tiny", progress=False)
    folder = tmp_path / "data/photos/tiny"
    assert str(caught.value) == f"{folder} was not written: {reason}; what was finished is kept."
    assert tiny.asked == []


def test_a_fetched_file_may_be_read_by_whom_any_new_file_may(tiny, tmp_path):
    fetch.get("tiny", progress=False)
    (tmp_path / "new").touch()
    rights = {oct(f.stat().st_mode) for f in (tmp_path / "data").rglob("*.*")}
    assert rights == {oct((tmp_path / "new").stat().st_mode)}


def test_a_disk_that_fills_up_while_downloading(tiny, monkeypatch, tmp_path):
    def full(*_args, **_kwargs) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(fetch, "_stream", full)
    monkeypatch.setattr(fetch, "CONNECTIONS", 1)
    with pytest.raises(DataError) as caught:
        fetch.get("tiny", progress=False)
    assert str(caught.value) == (
        f"{tmp_path / 'data/photos/tiny/0.jpg'} was not written: the disk is full. "
        "Free some space and run the same command again; what was finished is kept."
    )


def test_two_calls_at_once_do_not_disturb_each_other(tiny):
    calls = [threading.Thread(target=fetch.get, args=("tiny", False)) for _ in range(2)]
    for call in calls:
        call.start()
    for call in calls:
        call.join()
    assert fetch.check("tiny").complete


def pixels(mask: np.ndarray) -> str:
    return checksums.pixels_sha256(Image.fromarray(mask))


def mask_png(mask: np.ndarray, mode: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8) * 255).convert(mode).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def casia(server, monkeypatch):
    """Three masks in an archive: one plainly named, one renamed, one to be turned."""
    rng = np.random.default_rng(0)
    masks = {name: rng.random((6, 9)) > 0.5 for name in ("plain", "renamed", "turned")}
    monkeypatch.setattr(
        fetch,
        "casia1_masks",
        lambda: {"renamed.png": ("first name_gt.png", 0), "turned.png": ("turned_gt.png", 1)},
    )
    sums = {f"casia1/masks/{name}.png": Sum("", pixels(mask)) for name, mask in masks.items()}
    monkeypatch.setattr(checksums, "_sums", lambda: sums)
    checksums.listed.cache_clear()
    inside = {
        "set/Sp/plain_gt.png": mask_png(masks["plain"], "RGB"),
        "set/CM/first name_gt.png": mask_png(masks["renamed"], "L"),
        "set/Sp/turned_gt.png": mask_png(np.rot90(masks["turned"], -1), "1"),
    }
    server.inside, server.masks = inside, masks
    yield server
    checksums.listed.cache_clear()


def serve_archive(server: Server, inside: dict[str, bytes]) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as opened:
        for name, body in inside.items():
            opened.writestr(name, body)
    archive = checksums.SETS["casia1"].archive.replace(" ", "%20")
    server.content = {f"/{archive}": file.getvalue()}


def test_masks_come_out_of_the_archive_renamed_and_turned(casia, tmp_path):
    serve_archive(casia, casia.inside)
    assert fetch.get("casia1", progress=False).complete
    for name, mask in casia.masks.items():
        with Image.open(tmp_path / f"data/casia1/masks/{name}.png") as image:
            assert image.mode == "L"
            assert np.array_equal(np.asarray(image), mask * np.uint8(255))
    assert list((tmp_path / "cache/downloads").iterdir()) == []


def test_a_damaged_mask_is_found_and_made_again(casia, tmp_path):
    serve_archive(casia, casia.inside)
    fetch.get("casia1", progress=False)
    mask = tmp_path / "data/casia1/masks/plain.png"
    mask.write_bytes(mask.read_bytes()[:-30])
    assert fetch.check("casia1").damaged == ("casia1/masks/plain.png",)
    assert fetch.get("casia1", progress=False).complete


@pytest.mark.parametrize("fault", ["missing", "other pixels"])
def test_an_archive_that_has_changed(casia, tmp_path, fault):
    original = casia.inside.pop("set/Sp/plain_gt.png")
    if fault == "other pixels":
        casia.inside["plain_gt.png"] = mask_png(~casia.masks["plain"], "L")
    serve_archive(casia, casia.inside)
    with pytest.raises(DataError) as caught:
        fetch.get("casia1", progress=False)
    assert str(caught.value) == (
        "casia1/masks/plain.png was not unpacked: the archive's plain_gt.png is missing or has "
        "other pixels. Expected the pixels that were listed. The source at "
        f"{checksums.SETS['casia1'].archive} has changed."
    )
    assert not (tmp_path / "data/casia1/masks/plain.png").exists()
    serve_archive(casia, casia.inside | {"plain_gt.png": original})
    assert fetch.get("casia1", progress=False).complete  # the wrong archive was not kept


def test_an_archive_that_is_no_zip(casia, tmp_path):
    serve_archive(casia, casia.inside)
    casia.content = {path: b"<html>sorry</html>" for path in casia.content}
    with pytest.raises(DataError) as caught:
        fetch.get("casia1", progress=False)
    assert str(caught.value) == (
        f"The masks of casia1 were not unpacked: {tmp_path}/cache/downloads/casia1_masks.zip is "
        "not a whole zip file. Expected the one at "
        f"{checksums.SETS['casia1'].archive}. Run `imdl data get casia1` again."
    )


def test_photos_and_outlines_of_coco128_seg_come_from_two_folders(server, monkeypatch, tmp_path):
    bodies = {"images/9.jpg": b"a photo", "labels/9.txt": b"45 0 0 1 0 1 1\n", "labels/25.txt": b""}
    sums = {
        f"photos/coco128_seg/{path}": Sum(hashlib.sha256(body).hexdigest())
        for path, body in bodies.items()
    }
    monkeypatch.setattr(checksums, "_sums", lambda: sums)
    checksums.listed.cache_clear()
    source = "Goodccccl/yolov8_python/0f2dcc3495e32245968452037ee54595d3af69f7/coco128-seg"
    server.content = {
        f"/{source}/{path.replace('/', '/train2017/')}": body for path, body in bodies.items()
    }
    assert fetch.get("coco128_seg", progress=False).complete
    for path, body in bodies.items():
        assert (tmp_path / "data/photos/coco128_seg" / path).read_bytes() == body
    checksums.listed.cache_clear()


def tiff(pixels: np.ndarray, compression: str | None = None) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "TIFF", compression=compression)
    return file.getvalue()


@pytest.fixture
def coverage(server, monkeypatch):
    """A pair, its mask and a label: the server's TIFFs are not compressed."""
    rng = np.random.default_rng(0)
    arrays = {
        f"coverage/image/{name}.tif": rng.integers(0, 256, (6, 9, 3), np.uint8)
        for name in ("1", "1t")
    }
    arrays["coverage/mask/1forged.tif"] = (rng.random((6, 9)) > 0.5) * np.uint8(255)
    bodies = {path: tiff(pixels) for path, pixels in arrays.items()} | {
        "coverage/label/FEA.mat": b"factors"
    }
    sums = {
        path: Sum(hashlib.sha256(body).hexdigest(), pixels(arrays[path]) if path in arrays else "")
        for path, body in bodies.items()
    }
    monkeypatch.setattr(checksums, "_sums", lambda: sums)
    checksums.listed.cache_clear()
    server.content = {
        f"/wei-won/image-forensics/d5ef7c03/data/COVERAGE/{path.removeprefix('coverage/')}": body
        for path, body in bodies.items()
    }
    server.arrays, server.bodies = arrays, bodies
    yield server
    checksums.listed.cache_clear()


def test_coverage_is_fetched_as_published(coverage, tmp_path):
    assert fetch.get("coverage", progress=False).complete
    for path, body in coverage.bodies.items():
        assert (tmp_path / "data" / path).read_bytes() == body


def test_compressed_files_of_coverage_are_whole(coverage, tmp_path):
    fetch.get("coverage", progress=False)
    coverage.asked.clear()
    for path, pixels in coverage.arrays.items():
        body = tiff(pixels, "tiff_adobe_deflate")
        assert body != coverage.bodies[path]
        (tmp_path / "data" / path).write_bytes(body)
    assert fetch.get("coverage", progress=False).complete
    assert coverage.asked == []


def test_other_pixels_of_coverage_are_damaged(coverage, tmp_path):
    fetch.get("coverage", progress=False)
    image, label = "coverage/image/1t.tif", "coverage/label/FEA.mat"
    (tmp_path / "data" / image).write_bytes(tiff(coverage.arrays[image] ^ 1))
    (tmp_path / "data" / label).write_bytes(b"others")
    assert fetch.check("coverage").damaged == (image, label)
    assert fetch.get("coverage", progress=False).complete


def test_packaged_photos_need_no_download():
    report = fetch.get("packaged", progress=False)
    assert report.complete
    assert len(report.present) == 58
    assert fetch.remedy("packaged").startswith("Install mvtb-data, scikit-image and scikit-learn")


def test_info_without_a_data_root(monkeypatch):
    monkeypatch.delenv("IMDL_DATA", raising=False)
    assert fetch.info("imagenet_samples").splitlines() == [
        "imagenet_samples: 350 of the 1,000 ImageNet sample photos, one of a class",
        "  files    350 (imagenet_samples 350), 37 MB",
        "  licence  non-commercial research and education; the photographers keep their rights",
        "  source   https://github.com/EliSchwartz/imagenet-sample-images",
        "  goes to  $IMDL_DATA/photos/imagenet_samples",
        "  here     nothing: IMDL_DATA is not set. Set it, then run "
        "`imdl data get imagenet_samples`.",
    ]


def test_info_counts_what_is_here(tiny, tmp_path):
    assert fetch.info("tiny").splitlines()[-1] == (
        "  here     0 files, 5 missing. Run `imdl data get tiny`: it fetches only what is missing "
        "or damaged."
    )
    fetch.get("tiny", progress=False)
    assert fetch.info("tiny").splitlines()[-1] == (
        "  here     all 5 files; `imdl data check tiny` compares their checksums."
    )


def test_info_counts_packaged_photos_by_package():
    assert "files    58 (mvtbdata 50, skimage 6, sklearn 2), 85 MB" in fetch.info("packaged")


def test_unknown_set():
    for call in (fetch.info, fetch.get, fetch.check):
        with pytest.raises(RegistryError, match="There is no set `cifar` to fetch"):
            call("cifar")


def test_default_address():
    assert fetch.BASE_URL == "https://raw.githubusercontent.com"
