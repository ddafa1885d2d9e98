"""A file is whole or as it was before, and a disk that refuses is named with its cure."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest

from zoo_core.errors import RunStoreError
from zoo_core.runs.files import disk_errors, share_file, write_atomically, write_json, write_text
from zoo_core.testing.isolation import run_isolated


def failing(error: BaseException) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def disk_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, r"Cannot write .*file: the disk is full\.\n.*zoo run --resume RUN_DIR"),
        (errno.EDQUOT, r"Cannot write .*file: the disk quota is used up\.\n.*zoo run --resume RUN_DIR"),
        (errno.EFBIG, r"Cannot write .*file: the file is too large for this disk or account\.\n.*ulimit -f"),
        (errno.EROFS, r"Cannot write .*file: the file system is read-only\.\n.*hydra\.run\.dir=DIR"),
        (errno.EACCES, r"Cannot write .*file: permission denied\.\n.*hydra\.run\.dir=DIR"),
    ],
)
def test_a_refusal_of_the_disk_is_named_with_its_cure(tmp_path: Path, number: int, message: str) -> None:
    with pytest.raises(RunStoreError, match=message):
        write_atomically(tmp_path / "file", failing(disk_error(number)))
    with pytest.raises(RunStoreError, match=message), disk_errors(tmp_path / "file"):
        raise disk_error(number)


def test_a_rare_refusal_is_told_in_the_words_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(RunStoreError, match=r"Cannot write .*file: Input/output error\.$"):
        write_atomically(tmp_path / "file", failing(disk_error(errno.EIO)))


def test_other_errors_in_a_block_are_no_errors_of_writing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), disk_errors(tmp_path):
        (tmp_path / "absent").read_bytes()


def test_interrupted_write_leaves_nothing(tmp_path: Path) -> None:
    def stop(stream: IO[bytes]) -> None:
        stream.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "file", stop)
    assert not list(tmp_path.iterdir())


def test_other_errors_are_not_taken_for_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="a mistake in the code"):
        write_atomically(tmp_path / "file", failing(RuntimeError("a mistake in the code")))
    assert not list(tmp_path.iterdir())


def test_an_error_that_hides_one_of_the_disk_is_told_as_that(tmp_path: Path) -> None:
    def unwind(_: IO[bytes]) -> None:
        try:
            raise disk_error(errno.ENOSPC)
        except OSError:
            msg = "unexpected pos 64 vs 0"
            raise RuntimeError(msg)  # noqa: B904 - as torch's zip writer does

    with pytest.raises(RunStoreError, match="the disk is full"):
        write_atomically(tmp_path / "file", unwind)


def test_what_a_killed_process_left_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "file"
    killed = run_isolated(
        """
        import os, sys
        from pathlib import Path
        from zoo_core.runs.files import write_atomically

        def die(stream):
            stream.write(b"half of it")
            stream.flush()
            os._exit(9)

        write_atomically(Path(sys.argv[1]), die)
        """,
        arguments=[str(path)],
    )
    assert killed.returncode == 9
    assert len(list(tmp_path.iterdir())) == 1  # the half file, under another name
    assert not path.exists()
    write_text(path, "whole")
    assert path.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("durable", [True, False])
def test_only_a_durable_write_waits_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durable: bool
) -> None:
    waited: list[int] = []
    monkeypatch.setattr(os, "fsync", waited.append)
    write_text(tmp_path / "new" / "file", "größer\n", durable=durable)
    assert (tmp_path / "new" / "file").read_bytes() == "größer\n".encode()
    assert len(waited) == durable


def test_json_is_written_for_people(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"path": Path("b"), "name": "größer"})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n  "path": "b",\n  "name": "größer"\n}\n'


def test_a_shared_file_is_not_written_again(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_text("state")
    target.write_text("older")
    share_file(source, target)
    assert source.samefile(target)
    write_text(source, "next")  # which replaces one name only
    assert target.read_text() == "state"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a", "b"]


def test_a_file_is_copied_where_the_disk_has_no_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", failing(disk_error(errno.EPERM)))
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_text("state")
    share_file(source, target)
    assert target.read_text() == "state"
    assert not source.samefile(target)


def test_a_refused_copy_leaves_the_older_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", failing(disk_error(errno.EPERM)))
    monkeypatch.setattr("shutil.copyfile", failing(disk_error(errno.ENOSPC)))
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_text("state")
    target.write_text("older")
    with pytest.raises(RunStoreError, match=r"Cannot write .*b: the disk is full"):
        share_file(source, target)
    assert target.read_text() == "older"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a", "b"]
