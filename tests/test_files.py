"""A file is whole or absent, whatever ends the writing; a lock has one owner."""

import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from imdl_lib import files
from imdl_lib.errors import DataError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_when_the_block_ends(tmp_path):
    path = tmp_path / "new" / "a.csv"
    with files.whole(path) as temporary:
        temporary.write_text("x")
        assert temporary.suffix == ".csv"  # writers choose a format by it
        assert not path.exists()
    assert path.read_text() == "x"
    assert names(path.parent) == ["a.csv"]


@pytest.mark.parametrize("error", [RuntimeError("x"), KeyboardInterrupt()])
def test_an_error_leaves_the_old_file_and_no_other(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(type(error)), files.whole(path) as temporary:
        temporary.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (errno.ENOSPC, "the disk is full. Free some space and run the same command again"),
        (errno.EROFS, "the disk is read-only. Name a folder that can be written"),
        (errno.EACCES, "permission is denied. Name a folder that you can write to"),
        (errno.EPERM, "permission is denied. Name a folder that you can write to"),
        (
            errno.EDQUOT,
            "your share of the disk is full. Free some space and run the same command again",
        ),
    ],
)
def test_what_a_user_can_do_about_a_failed_write(tmp_path, number, text):
    path = tmp_path / "a.txt"
    with pytest.raises(DataError) as caught, files.whole(path) as temporary:
        temporary.write_text("half")
        raise OSError(number, os.strerror(number))
    assert str(caught.value) == f"{path} was not written: {text}; what was finished is kept."
    assert names(tmp_path) == []


def test_a_disk_that_is_really_full(tmp_path):
    with pytest.raises(DataError, match="the disk is full"), files.whole(tmp_path / "a"):
        Path("/dev/full").write_text("x")


def test_other_errors_come_through_as_they_are(tmp_path):
    with pytest.raises(ConnectionResetError), files.whole(tmp_path / "a"):
        raise ConnectionResetError(errno.ECONNRESET, "x")


def whole(path: Path) -> None:
    with files.whole(path) as temporary:
        temporary.write_text("x")


@pytest.mark.parametrize("write", [files.require_writable, whole])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("file/a.png", "a part of its path is a file. Name another folder"),
        ("file/b/a.png", "a part of its path is a file. Name another folder"),
        ("n" * 300, "its name is too long. Name a shorter one"),
    ],
)
def test_a_name_that_cannot_be_written(tmp_path, write, name, text):
    (tmp_path / "file").touch()
    with pytest.raises(DataError) as caught:
        write(tmp_path / name)
    assert str(caught.value) == (
        f"{tmp_path / name} was not written: {text}; what was finished is kept."
    )
    assert names(tmp_path) == ["file"]


def test_a_folder_is_not_replaced(tmp_path):
    with pytest.raises(DataError) as caught:
        whole(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} was not written: it is a folder. Name a file; what was finished is kept."
    )


def test_a_file_has_the_rights_of_any_new_one(tmp_path):
    """Whatever its writer gave it, such as one that keeps a file to its owner."""
    before = os.umask(0o027)
    try:
        with files.whole(tmp_path / "a.txt") as temporary:
            temporary.write_text("x")
            temporary.chmod(0o600)
        assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o640
    finally:
        os.umask(before)


def test_nothing_appears_where_nothing_was_written(tmp_path):
    with pytest.raises(FileNotFoundError), files.whole(tmp_path / "a.txt"):
        pass
    assert names(tmp_path) == []


def test_a_file_that_may_not_be_read_is_not_called_damaged(tmp_path, monkeypatch):
    def denied(path: Path, mode: str) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(DataError) as caught:
        files.read_json(tmp_path / "a.json")
    assert str(caught.value) == (
        f"{tmp_path}/a.json cannot be read: permission is denied. "
        "Ask its owner for the right to read it."
    )


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (errno.EACCES, "/a cannot be used: permission is denied. Name another, or ask its owner"),
        (errno.ENAMETOOLONG, "/a cannot be used: its name is too long. Name another, or ask its"),
        (errno.ENOTDIR, "/a was not written: a part of its path is a file. Name another folder"),
    ],
)
def test_a_fault_of_a_file_whatever_it_was_for(number, text):
    told = files.cannot_use(OSError(number, "x", "/a"))
    assert isinstance(told, DataError) and str(told).startswith(text)


def test_a_fault_that_is_no_users(tmp_path):
    error = FileNotFoundError(errno.ENOENT, "x", "/a")
    assert files.cannot_use(error) is error
    assert str(files.cannot_use(OSError(errno.ENOSPC, "x"))).startswith("A file was not written:")


def test_what_can_be_written_is_left_as_it_is(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    files.require_writable(tmp_path / "a.txt")
    files.require_writable(tmp_path / "new" / "b.txt")
    assert names(tmp_path) == ["a.txt", "new"] and names(tmp_path / "new") == []
    assert (tmp_path / "a.txt").read_text() == "old"


def test_json_comes_back(tmp_path):
    path = tmp_path / "a.json"
    files.write_json(path, {"b": [1, 2.5, None, "é"]})
    assert files.read_json(path) == {"b": [1, 2.5, None, "é"]}
    assert path.read_text().endswith("\n")


def test_json_that_cannot_be_written_leaves_the_old(tmp_path):
    path = tmp_path / "a.json"
    files.write_json(path, 1)
    with pytest.raises(TypeError):
        files.write_json(path, object())
    assert files.read_json(path) == 1


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        (b"", "Expecting value: line 1 column 1 (char 0)"),
        (b"\xff", "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
    ],
)
def test_damaged_json(tmp_path, body, reason):
    path = tmp_path / "a.json"
    path.write_bytes(body)
    with pytest.raises(DataError) as caught:
        files.read_json(path)
    assert str(caught.value) == (
        f"{path} is damaged: it is not readable as JSON ({reason}). "
        "Delete it; it is made again when needed."
    )


def test_a_second_owner_is_refused_with_the_number_of_the_first(tmp_path):
    lock = tmp_path / "new" / "a.lock"
    with (
        files.only_one(lock, "Run x"),
        pytest.raises(DataError) as caught,
        files.only_one(lock, "Run x"),
    ):
        pass
    assert str(caught.value) == (
        f"Run x is being worked on by another process (number {os.getpid()}). "
        "Wait for it, or stop it, then run the same command again."
    )


@pytest.mark.parametrize("error", [None, RuntimeError])
def test_a_lock_ends_with_its_block(tmp_path, error):
    try:
        with files.only_one(tmp_path / "a.lock", "Run x"):
            if error:
                raise error
    except RuntimeError:
        pass
    with files.only_one(tmp_path / "a.lock", "Run x"):
        assert (tmp_path / "a.lock").read_text() == str(os.getpid())


def test_waiting_for_the_owner(tmp_path):
    lock, order = tmp_path / "a.lock", []

    def second() -> None:
        with files.only_one(lock, "Run x", wait=True):
            order.append("second")

    thread = threading.Thread(target=second)
    with files.only_one(lock, "Run x"):
        thread.start()
        thread.join(0.1)
        assert thread.is_alive()
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


HOLD = """
import sys, time
from pathlib import Path
from imdl_lib import files
with files.only_one(Path(sys.argv[1]), "Run x"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_lock_goes_with_a_killed_process(tmp_path):
    lock = tmp_path / "a.lock"
    command = [sys.executable, "-c", HOLD, str(lock)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout.readline() == "held\n"
        with (
            pytest.raises(DataError, match=f"number {owner.pid}"),
            files.only_one(lock, "Run x"),
        ):
            pass
        owner.send_signal(signal.SIGKILL)
        owner.wait()
    with files.only_one(lock, "Run x"):
        pass
