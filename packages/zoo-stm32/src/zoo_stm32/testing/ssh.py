"""Own stand-ins for ssh and scp: a board that is a folder here, with an application that starts or fails.

Paths on the board lie below the folder; the few commands that zoo sends are understood, all others are refused.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from zoo_stm32.testing.programmer import hang, write_program

FAILURES = ("none", "unreachable", "host_key_changed", "host_key_unknown", "denied", "disk", "broken", "hang", "dies")
SETTINGS = "ssh.json"
ERRORS = {
    "unreachable": "ssh: connect to host 192.0.2.7 port 22: No route to host",
    "host_key_changed": (
        "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\n"
        "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n"
        "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\n"
        "Host key verification failed."
    ),
    "host_key_unknown": "No ED25519 host key is known for 192.0.2.7 and you have requested strict checking.\n"
    "Host key verification failed.",
    "denied": "root@192.0.2.7: Permission denied (publickey,password).",
}
EXIT = 255


def install_ssh(folder: Path, board: Path, *, failure: str = "none") -> tuple[Path, Path]:
    """Write both programs into a folder and return them, ssh first.

    Args:
        folder: Where they go.
        board: Folder that stands for the root of the board's file system.
        failure: One of `FAILURES`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    board.mkdir(parents=True, exist_ok=True)
    set_failure(folder, failure, board)
    for name, entry in (("ssh", "ssh"), ("scp", "scp")):
        write_program(folder / name, f"from zoo_stm32.testing.ssh import {entry}", f"{entry}(Path(__file__).parent)")
    return folder / "ssh", folder / "scp"


def set_failure(folder: Path, failure: str, board: Path) -> None:
    """Fail from now on in the given way, one of `FAILURES`."""
    (folder / SETTINGS).write_text(json.dumps({"board": str(board), "failure": failure}))


def ssh(folder: Path) -> int:
    """Act as ssh."""
    board, failure, arguments = _start(folder)
    if failure in ERRORS:
        return _refuse(ERRORS[failure])
    if failure == "hang":
        hang()
    if not _strict(arguments):
        return _refuse("stand-in: the host key is not checked strictly")
    line = arguments[arguments.index("--") + 2]
    words = shlex.split(line)
    if words[0] == "nohup":
        return _launch(board, words, failure)
    return _run(board, words)


def scp(folder: Path) -> int:
    """Act as scp with `-r`."""
    board, failure, arguments = _start(folder)
    if failure in ERRORS:
        return _refuse(ERRORS[failure])
    if failure == "disk":
        return _refuse("scp: write remote: No space left on device")
    if failure == "broken":
        return _refuse("client_loop: send disconnect: Broken pipe\nlost connection")
    if not _strict(arguments):
        return _refuse("stand-in: the host key is not checked strictly")
    *sources, target = arguments[arguments.index("--") + 1 :]
    place = _inside(board, target.partition(":")[2])
    for source in map(Path, sources):
        if source.is_dir():
            shutil.copytree(source, place / source.name, dirs_exist_ok=True)
        else:
            shutil.copy2(source, place / source.name if place.is_dir() else place)
    return 0


def _start(folder: Path) -> tuple[Path, str, list[str]]:
    settings = json.loads((folder / SETTINGS).read_text())
    with (folder / "calls.jsonl").open("a") as stream:
        stream.write(json.dumps([Path(sys.argv[0]).name, *sys.argv[1:]]) + "\n")
    return Path(settings["board"]), settings["failure"], sys.argv[1:]


def _strict(arguments: Sequence[str]) -> bool:
    return "StrictHostKeyChecking=yes" in arguments and "BatchMode=yes" in arguments


def _run(board: Path, words: Sequence[str]) -> int:
    command, paths = words[0], [_inside(board, word) for word in words[1:] if word.startswith("/")]
    if command == "true":
        return 0
    if command == "mkdir":
        paths[0].mkdir(parents=True, exist_ok=True)
        return 0
    if command == "chmod":
        for path in paths:
            path.chmod(0o755)
        return 0
    if command == "sha256sum":
        for path, word in zip(paths, words[1:], strict=True):
            _say(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {word}")
        return 0
    return _refuse(f"sh: {command}: not found")


def _launch(board: Path, words: Sequence[str], failure: str) -> int:
    script = _inside(board, words[1])
    if not script.is_file() or not script.stat().st_mode & 0o100:
        return _refuse(f"nohup: can't execute '{words[1]}': Permission denied")
    if failure == "dies":
        _say("libGL error: no display\napplication ended")
        return 1
    (board / "launched.json").write_text(json.dumps(list(words)))
    _say("running 4711")
    return 0


def _inside(board: Path, path: str) -> Path:
    return board / path.lstrip("/")


def _refuse(text: str) -> int:
    sys.stderr.write(text + "\n")
    return EXIT


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
