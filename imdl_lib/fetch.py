"""Fetching photos and data sets, file by file: kept, verified with checksums, resumed.

`info` says what a set is and where it goes, `get` downloads what is missing or damaged, `check`
compares every file with its checksum. ``IMDL_BASE_URL`` names another host than `BASE_URL`.
"""

import io
import os
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryFile
from urllib.parse import quote

import numpy as np
import pooch
import requests
from PIL import Image
from tqdm import tqdm

from . import files, paths
from .checksums import (
    SETS,
    FetchSpec,
    Sum,
    absent,
    casia1_masks,
    listed,
    pixels_sha256,
    place,
    root,
    spec_of,
)
from .errors import DataError

BASE_URL = "https://raw.githubusercontent.com"
CONNECTIONS = 8
TIMEOUT_SECONDS = 30
RETRIES = 2  # attempts after a failed one
LISTED_PROBLEMS = 10  # a report names so many files


@dataclass(frozen=True)
class Report:
    """Which files of a set are here and whole."""

    name: str
    present: tuple[str, ...]
    missing: tuple[str, ...]
    damaged: tuple[str, ...]  # here, with another checksum

    @property
    def complete(self) -> bool:
        """True where nothing is missing or damaged."""
        return not self.missing and not self.damaged

    def __str__(self) -> str:
        total = len(self.present) + len(self.missing) + len(self.damaged)
        if self.complete:
            return f"{self.name}: all {total:,} files are here and match their checksums."
        problems = [f"  missing {path}" for path in self.missing]
        problems += [f"  damaged {path}" for path in self.damaged]
        more = len(problems) - LISTED_PROBLEMS
        lacking = f"{len(self.missing):,} missing, {len(self.damaged):,} damaged"
        return "\n".join(
            [
                f"{self.name}: {len(self.present):,} of {total:,} files are whole; {lacking}.",
                *problems[:LISTED_PROBLEMS],
                *([f"  and {more:,} more"] if more > 0 else []),
                remedy(self.name),
            ]
        )


def remedy(name: str) -> str:
    """What to do about files of a set that are missing or damaged."""
    if SETS[name].remote:
        return f"Run `imdl data get {name}`: it fetches only what is missing or damaged."
    return (
        "Install mvtb-data, scikit-image and scikit-learn again: `pip install --force-reinstall`."
    )


def info(name: str) -> str:
    """A paragraph on a set: how many files, licence, source, where it goes, what is missing.

    Raises:
        RegistryError: there is no such set.
    """
    spec, every = spec_of(name), listed(name)
    folders = Counter(_kind(spec, path) for path in every)
    kinds = ", ".join(f"{folder} {count:,}" for folder, count in folders.items())
    goes = f"$IMDL_DATA/{spec.folder}" if spec.folder else "nowhere: pip has brought it"
    return "\n".join(
        [
            f"{name}: {spec.title}",
            f"  files    {len(every):,} ({kinds}), {spec.megabytes} MB",
            f"  licence  {spec.licence}",
            f"  source   {spec.source}",
            f"  goes to  {goes}",
            f"  here     {_here(name, len(every))}",
        ]
    )


def _kind(spec: FetchSpec, path: str) -> str:
    """The word under which `info` counts a file: its folder or, when packaged, its package."""
    return PurePosixPath(path).parent.name if spec.folder else PurePosixPath(path).parts[0]


def _here(name: str, total: int) -> str:
    if spec_of(name).folder and paths.data_root() is None:
        return f"nothing: IMDL_DATA is not set. Set it, then run `imdl data get {name}`."
    gone = len(absent(name))
    if not gone:
        return f"all {total:,} files; `imdl data check {name}` compares their checksums."
    return f"{total - gone:,} files, {gone:,} missing. {remedy(name)}"


def check(name: str) -> Report:
    """Compare every file of a set with its checksum.

    Raises:
        DataError: ``IMDL_DATA`` is not set, or names a file.
        RegistryError: there is no such set.
    """
    found = {"present": [], "missing": [], "damaged": []}
    for path, sums in listed(name).items():
        found[_state(place(name, path), sums)].append(path)
    return Report(name, **{state: tuple(which) for state, which in found.items()})


def _state(file: Path, sums: Sum) -> str:
    if not file.is_file():
        return "missing"
    files.require_readable(file)
    return "present" if _is_whole(file, sums) else "damaged"


def _is_whole(file: Path, sums: Sum) -> bool:
    try:
        if sums.bytes and pooch.file_hash(str(file)) == sums.bytes:
            return True
        if not sums.pixels:
            return False
        with Image.open(file) as image:
            return pixels_sha256(image) == sums.pixels
    except (OSError, SyntaxError, ValueError):  # what Pillow raises for a broken image
        return False


def get(name: str, progress: bool = True) -> Report:
    """Fetch what is missing or damaged of a set, several files at once.

    Each file is written whole or not at all and only with the right checksum, so an interrupted
    call goes on where it was when it is called again.

    Args:
        name: a key of `SETS`.
        progress: show a bar on standard error.
    Raises:
        DataError: no data root, no network, a wrong checksum, a folder that cannot be written.
        RegistryError: there is no such set.
    """
    spec, before = spec_of(name), check(name)
    wanted, sums = before.missing + before.damaged, listed(name)
    if not wanted or not spec.remote:
        return before
    _make_folders(root() / PurePosixPath(path).parent for path in wanted)
    _download(spec, [path for path in wanted if sums[path].bytes], progress)
    masks = [path for path in wanted if not sums[path].bytes]
    if masks:
        _unpack(spec, masks, progress)
    return check(name)


def _make_folders(folders: Iterable[Path]) -> None:
    """Make each folder and write to it, so that a fault shows before any download."""
    for folder in sorted(set(folders)):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with TemporaryFile(dir=folder) as trial:
                trial.write(b" ")
        except OSError as error:
            raise files.cannot_write(folder, error) from error


def _download(spec: FetchSpec, wanted: list[str], progress: bool) -> None:
    pooch.get_logger().setLevel("WARNING")  # a line for each file would drown the bar
    sums, pool = listed(spec.name), ThreadPoolExecutor(CONNECTIONS)
    try:
        jobs = [pool.submit(_download_one, spec, path, sums[path].bytes) for path in wanted]
        done = as_completed(jobs)
        for job in tqdm(done, spec.name, len(jobs), unit="file", disable=not progress or None):
            job.result()
    finally:  # a fault or Ctrl-C ends the rest; what was finished is kept
        pool.shutdown(cancel_futures=True)


def _download_one(spec: FetchSpec, path: str, total: str) -> None:
    folder = str(PurePosixPath(path).parent)
    _retrieve(spec, f"{spec.remote[folder]}/{PurePosixPath(path).name}", root() / path, total)


def _retrieve(spec: FetchSpec, remote: str, file: Path, total: str | None) -> None:
    url = f"{os.environ.get('IMDL_BASE_URL', BASE_URL).rstrip('/')}/{quote(remote)}"
    with _explained(spec.name, url, file, total):
        pooch.create(
            path=file.parent,
            base_url="",
            registry={file.name: total},
            urls={file.name: url},
            retry_if_failed=RETRIES,
        ).fetch(file.name, downloader=_stream)


def _stream(url: str, file: str, _: pooch.Pooch) -> None:
    """What pooch calls to download; unlike its own, it closes the connection after a fault too.

    The file that pooch has made is for its owner alone; one that is made anew is not.
    """
    Path(file).unlink()
    with (
        requests.get(url, stream=True, timeout=TIMEOUT_SECONDS) as answer,
        Path(file).open("wb") as out,
    ):
        answer.raise_for_status()
        for piece in answer.iter_content(1 << 16):
            out.write(piece)


@contextmanager
def _explained(name: str, url: str, file: Path, total: str | None) -> Iterator[None]:
    """Turn what a download raises into errors that a user can act on."""
    again = f"run `imdl data get {name}` again; what is finished is kept."
    try:
        yield
    except requests.HTTPError as error:
        raise DataError(
            f"{file.name} was not fetched: {url} answered with code {error.response.status_code}. "
            f"Expected the file. Wait a little and {again}"
        ) from error
    except requests.RequestException as error:
        raise DataError(
            f"{file.name} was not fetched: the connection to {url} failed. "
            f"Expected the file. Check the network and {again}"
        ) from error
    except ValueError as error:  # pooch's word for a wrong checksum
        received = str(error).partition("but got ")[2].partition(".")[0]
        raise DataError(
            f"{file.name} was not kept: what {url} sent has another checksum than the listed one. "
            f"Expected SHA-256 {total}, received {received}. Wait a little and {again}"
        ) from error
    except OSError as error:
        raise files.cannot_write(file, error) from error


def _unpack(spec: FetchSpec, masks: list[str], progress: bool) -> None:
    """Write masks out of the archive under the names of their images, the one turned included."""
    archive = paths.cache() / "downloads" / f"{spec.name}_masks.zip"
    _make_folders([archive.parent])
    _retrieve(spec, spec.archive, archive, None)
    try:
        with zipfile.ZipFile(archive) as opened:
            inside = {PurePosixPath(name).name: name for name in opened.namelist()}
            for path in tqdm(
                masks, f"{spec.name} masks", unit="file", disable=not progress or None
            ):
                _unpack_one(spec, path, opened, inside)
    except zipfile.BadZipFile as error:
        raise DataError(
            f"The masks of {spec.name} were not unpacked: {archive} is not a whole zip file. "
            f"Expected the one at {spec.archive}. Run `imdl data get {spec.name}` again."
        ) from error
    finally:  # it is small, and a later call must not find a wrong one
        archive.unlink(missing_ok=True)


def _unpack_one(
    spec: FetchSpec, path: str, opened: zipfile.ZipFile, inside: dict[str, str]
) -> None:
    name = PurePosixPath(path).name
    original, turns = casia1_masks().get(name, (name.replace(".png", "_gt.png"), 0))
    if original in inside:
        mask = _mask(io.BytesIO(opened.read(inside[original])), turns)
        if pixels_sha256(mask) == listed(spec.name)[path].pixels:
            with files.whole(root() / path) as temporary:
                mask.save(temporary, optimize=True)
            return
    raise DataError(
        f"{path} was not unpacked: the archive's {original} is missing or has other pixels. "
        f"Expected the pixels that were listed. The source at {spec.archive} has changed."
    )


def _mask(file: io.BytesIO, turns: int) -> Image.Image:
    """A mask in black and white, turned to the left by quarters."""
    with Image.open(file) as image:
        marked = np.asarray(image.convert("L")) > 127
    return Image.fromarray(np.rot90(marked, turns) * np.uint8(255))
