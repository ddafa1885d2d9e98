"""Own the counting hook in C: compiled for this machine once, then put into unicorn past its Python binding.

This is the only module that reaches into unicorn's internals; where they are absent it says so instead of failing.
"""

from __future__ import annotations

import ctypes
import hashlib
import platform
import subprocess
import sys
import tempfile
from importlib import metadata
from importlib.resources import files
from pathlib import Path
from typing import Any

from unicorn import unicorn_const

from zoo_core.data.download import cache_dir

SOURCE = "counter.c"
ENTRY = "zoo_count_block"
COMPILE_SECONDS = 300
SUFFIXES = {"Windows": ".dll", "Darwin": ".dylib"}
INSTALL_HOOK = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_uint64,
    ctypes.c_uint64,
)
"""Prototype of `uc_hook_add` in unicorn.h; from address 1 to 0 means everywhere."""


class CounterState(ctypes.Structure):
    """Mirror the structure `zoo_counter` of counter.c."""

    _fields_ = (
        ("get_register", ctypes.c_void_p),
        ("get_memory", ctypes.c_void_p),
        ("base", ctypes.c_uint64),
        ("size", ctypes.c_uint64),
        ("blocks", ctypes.c_void_p),
        ("owners", ctypes.c_void_p),
        ("totals", ctypes.c_void_p),
        ("entry", ctypes.c_uint64),
        ("exit", ctypes.c_uint64),
        ("slot", ctypes.c_uint32),
        ("link_register", ctypes.c_int32),
        ("active", ctypes.c_uint32),
        ("runs", ctypes.c_uint32),
    )


class HookUnavailableError(Exception):
    """Say why instructions cannot be counted here; callers turn it into a note."""


def install_hook(uc: Any, state: CounterState) -> None:
    """Count the blocks that an engine executes into a state, which must live as long as the engine.

    Raises:
        HookUnavailableError: When the hook cannot be compiled, or unicorn hides what it needs.
    """
    library, handle = _unicorn_library(), getattr(uc, "_uch", None)
    names = ("uc_hook_add", "uc_reg_read", "uc_mem_read")
    if library is None or handle is None or not all(hasattr(library, name) for name in names):
        msg = f"unicorn {metadata.version('unicorn')} does not offer what the counter needs"
        raise HookUnavailableError(msg)
    add, register, memory = (ctypes.cast(getattr(library, name), ctypes.c_void_p).value for name in names)
    state.get_register, state.get_memory = register, memory
    callback = ctypes.cast(getattr(_counter_library(), ENTRY), ctypes.c_void_p)
    place = ctypes.c_size_t()
    block = unicorn_const.UC_HOOK_BLOCK
    status = INSTALL_HOOK(add or 0)(handle, ctypes.addressof(place), block, callback, ctypes.addressof(state), 1, 0)
    if status != unicorn_const.UC_ERR_OK:
        msg = f"unicorn refused the counter (error {status})"
        raise HookUnavailableError(msg)


def compile_counter(folder: Path) -> Path:
    """Return the compiled counter of this source, compiler and machine, kept in a folder.

    Raises:
        HookUnavailableError: When there is no compiler, it fails, or the folder cannot be written.
    """
    source = files("zoo_stm32.emulator").joinpath(SOURCE).read_bytes()
    try:
        compiler = metadata.version("ziglang")
    except metadata.PackageNotFoundError as error:
        msg = "the compiler is absent (pip install ziglang)"
        raise HookUnavailableError(msg) from error
    system, machine = platform.system(), platform.machine()
    key = hashlib.sha256(b"\0".join([source, *(text.encode() for text in (compiler, system, machine))])).hexdigest()
    library = folder / f"counter-{key[:16]}{SUFFIXES.get(system, '.so')}"
    if library.exists():
        return library
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as work:
            made = _compile(source, Path(work), library.name)
            made.replace(library)
    except OSError as error:
        if library.exists():  # another process made it meanwhile
            return library
        msg = f"{folder} cannot be written: {error}"
        raise HookUnavailableError(msg) from error
    return library


def _compile(source: bytes, work: Path, name: str) -> Path:
    text, made = work / SOURCE, work / name
    text.write_bytes(source)
    command = [sys.executable, "-m", "ziglang", "cc", "-shared", "-fPIC", "-O2", "-o", str(made), str(text)]
    try:
        done = subprocess.run(  # noqa: S603 # a list of our own words
            command, capture_output=True, text=True, timeout=COMPILE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        msg = f"compiling the counter took more than {COMPILE_SECONDS} s"
        raise HookUnavailableError(msg) from error
    if done.returncode or not made.exists():
        said = done.stderr.strip().splitlines()
        msg = f"the counter could not be compiled: {said[0] if said else f'exit code {done.returncode}'}"
        raise HookUnavailableError(msg)
    return made


def _counter_library() -> ctypes.CDLL:
    path = compile_counter(cache_dir() / "emulator")
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        path.unlink(missing_ok=True)  # damaged, or made for another machine that shares the folder
        msg = f"{path} cannot be loaded: {error}"
        raise HookUnavailableError(msg) from error
    if not hasattr(library, ENTRY):
        msg = f"{path} is not the counter"
        raise HookUnavailableError(msg)
    return library


def _unicorn_library() -> Any:
    """Return the handle of unicorn's shared library that its Python binding holds."""
    try:
        from unicorn.unicorn_py3 import unicorn as binding
    except ImportError:
        return None
    return getattr(binding, "uclib", None)
