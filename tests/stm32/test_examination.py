"""What `zoo doctor` finds for STM32 boards: on a bare machine, with every tool as a stand-in, and with broken ones."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from importlib import metadata
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from zoo_core.specs import Finding
from zoo_stm32.examination import examine
from zoo_stm32.testing.cloud import CloudFailure, CloudServer
from zoo_stm32.testing.cubeide import install_cubeide
from zoo_stm32.testing.programmer import install_programmer
from zoo_stm32.testing.stedgeai import install_stedgeai

NEEDED = ("zig", "unicorn", "emx-onnx-cgen", "pyelftools")
OPTIONAL = (
    "arm-none-eabi-gcc", "qemu-system-arm", "cmake", "ST Edge AI Core", "STM32CubeIDE", "STM32_Programmer_CLI",
    "STM32_SigningTool_CLI", "serial ports", "ST cloud login",
)  # fmt: skip
VARIABLES = (
    "STM32_AI_EXE", "STM32_CUBE_IDE_EXE", "STM32_CUBE_PROG_EXE", "ZOO_CLOUD_TOKEN", "stmai_username", "stmai_password",
    "STM32AI_USERNAME", "STM32AI_PASSWORD", "BASE_URL_DEVCLOUD", "USE_TEST_ROUTES", "VERSIONS_URL",
)  # fmt: skip

KEPT = {"access_token": "secret-access"}
RENEWABLE = {"refresh_token": "secret-refresh"}


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Look at a machine without tools, ports and login; return the only folder on its PATH."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    connect(monkeypatch)
    return folder


def connect(monkeypatch: pytest.MonkeyPatch, *ports: tuple[str, str, int]) -> None:
    """Put a pyserial in place that knows these (device, description, vendor)."""
    listing = ModuleType("serial.tools.list_ports")
    listing.comports = lambda: [SimpleNamespace(device=one, description=two, vid=three) for one, two, three in ports]
    serial, tools = ModuleType("serial"), ModuleType("serial.tools")
    serial.tools, tools.list_ports = tools, listing
    for module in (serial, tools, listing):
        monkeypatch.setitem(sys.modules, module.__name__, module)


def program(path: Path, text: str, status: int = 0) -> Path:
    path.write_text(f"#!/bin/sh\necho '{text}'\nexit {status}\n")
    path.chmod(0o755)
    return path


def look(**limits: float) -> dict[str, Finding]:
    found = list(examine(**limits))
    names = [finding.name for finding in found]
    assert len(names) == len(set(names))
    for finding in found:
        assert "\n" not in finding.detail + (finding.hint or ""), "one line each"
        assert finding.hint or finding.status == "ok", "whatever is not well has a cure"
    return {finding.name: finding for finding in found}


def test_a_bare_machine_has_all_that_is_needed_and_a_cure_for_the_rest() -> None:
    found = look()
    assert tuple(found) == (*NEEDED, *OPTIONAL)
    assert all(found[name].status == "ok" and found[name].required for name in NEEDED)
    assert all(found[name].status == "missing" and not found[name].required for name in OPTIONAL)
    assert found["zig"].detail.startswith(metadata.version("ziglang"))
    assert found["unicorn"].detail.startswith(metadata.version("unicorn"))
    assert "2.x, 3.x and 4.x" in found["ST Edge AI Core"].detail
    assert "2.14 to 2.20" in found["STM32_Programmer_CLI"].detail
    assert "1.14 to 1.19" in found["STM32CubeIDE"].detail
    assert "pip install cmake" in found["cmake"].hint


def test_a_machine_with_every_tool(monkeypatch, bare: Path, tmp_path: Path) -> None:
    stedgeai = install_stedgeai(bare)
    ide = install_cubeide(tmp_path / "stm32cubeide_1.17.0")
    stand_in = install_programmer(tmp_path / "prog", [("0042", "STM32N6570-DK"), ("0043", "")])
    cmake = program(bare / "cmake", "cmake version 3.31.2")
    program(bare / "arm-none-eabi-gcc", "arm-none-eabi-gcc (Arm GNU Toolchain 13.2.Rel1) 13.2.1 20231009")
    monkeypatch.setenv("STM32_CUBE_IDE_EXE", str(ide))
    monkeypatch.setenv("STM32_CUBE_PROG_EXE", str(stand_in.programmer))
    connect(monkeypatch, ("/dev/ttyUSB0", "n/a", 0x1A86), ("/dev/ttyACM0", "STLINK-V3", 0x0483))
    found = look()
    assert found["ST Edge AI Core"].detail.startswith(f"4.0.0-20500 359356bb0 at {stedgeai};")
    assert found["STM32CubeIDE"].detail == f"1.17.0 at {ide}; written for 1.14 to 1.19"
    assert found["STM32_Programmer_CLI"].detail == f"2.18.0 at {stand_in.programmer}; written for 2.14 to 2.20"
    assert found["STM32_SigningTool_CLI"].detail.startswith(str(stand_in.signing))
    assert found["ST-LINK probes"].detail == "0042 (STM32N6570-DK), 0043 (unknown board)"
    assert found["serial ports"].detail == "/dev/ttyACM0 (STLINK-V3), /dev/ttyUSB0"
    assert found["cmake"].detail == f"3.31.2 at {cmake}"
    assert found["arm-none-eabi-gcc"].detail.startswith("13.2")
    installed = ("ST Edge AI Core", "STM32CubeIDE", "STM32_Programmer_CLI", "ST-LINK probes", "serial ports", "cmake")
    assert {found[name].status for name in installed} == {"ok"}
    assert stand_in.calls() == [["STM32_Programmer_CLI", "-l", "st-link"]], "nothing but listing is done"


# ---------------------------------------------------------------- what is needed


@pytest.mark.parametrize("package", ["ziglang", "unicorn", "emx-onnx-cgen", "pyelftools"])
def test_an_absent_package_is_required_and_named(monkeypatch, package: str) -> None:
    version = metadata.version

    def without(name: str) -> str:
        if name == package:
            raise metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(metadata, "version", without)
    absent = [finding for finding in look().values() if finding.required and finding.status == "missing"]
    assert [finding.hint for finding in absent] == [f"Install: pip install {package}"]


def test_an_emulator_that_cannot_be_loaded_is_broken(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "unicorn", None)
    assert look()["unicorn"].status == "broken"


def test_a_compiler_that_does_not_run_is_broken(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(program(tmp_path / "python", "exec format error", status=1)))
    assert look()["zig"].status == "broken"


# ---------------------------------------------------------------- broken tools


@pytest.mark.parametrize("failure", ["not_executable", "wrong_file", "version_unreadable", "predecessor"])
def test_a_broken_stedgeai_is_told_from_an_absent_one(monkeypatch, tmp_path: Path, failure) -> None:
    monkeypatch.setenv("STM32_AI_EXE", str(install_stedgeai(tmp_path / "st", failure=failure)))
    finding = look()["ST Edge AI Core"]
    assert finding.status == "broken"
    assert str(tmp_path / "st") in finding.detail


def test_a_stedgeai_of_an_unknown_version_is_noted(bare: Path) -> None:
    install_stedgeai(bare, version="7.1.0-1")
    finding = look()["ST Edge AI Core"]
    assert finding.status == "ok"
    assert "7.1.0-1" in finding.hint


@pytest.mark.parametrize(
    ("variable", "name"),
    [
        ("STM32_AI_EXE", "ST Edge AI Core"),
        ("STM32_CUBE_IDE_EXE", "STM32CubeIDE"),
        ("STM32_CUBE_PROG_EXE", "STM32_Programmer_CLI"),
    ],
)
def test_a_variable_that_names_nothing_is_broken(monkeypatch, tmp_path: Path, variable: str, name: str) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "absent"))
    finding = look()[name]
    assert finding.status == "broken"
    assert variable in f"{finding.detail} {finding.hint}"


def test_versions_that_the_adapter_was_not_written_for_get_a_hint(monkeypatch, bare: Path, tmp_path: Path) -> None:
    monkeypatch.setenv("STM32_CUBE_IDE_EXE", str(install_cubeide(tmp_path / "STM32CubeIDE_2.0.0")))
    program(bare / "STM32_Programmer_CLI", "STM32CubeProgrammer v2.9.0")
    found = look()
    assert found["STM32CubeIDE"].status == found["STM32_Programmer_CLI"].status == "ok"
    assert found["STM32CubeIDE"].hint == "Should it fail, take a version from 1.14 to 1.19."
    assert found["STM32_Programmer_CLI"].hint == "Should it fail, take a version from 2.14 to 2.20."


def test_no_probe_is_no_fault(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STM32_CUBE_PROG_EXE", str(install_programmer(tmp_path / "prog", []).programmer))
    found = look()
    assert found["STM32_Programmer_CLI"].status == "ok"
    assert (found["ST-LINK probes"].status, found["ST-LINK probes"].required) == ("missing", False)


def test_a_programmer_that_fails_says_why(bare: Path) -> None:
    program(bare / "STM32_Programmer_CLI", "error while loading shared libraries: libusb-1.0.so.0", status=127)
    found = look()
    assert found["STM32_Programmer_CLI"].status == "broken"
    assert "libusb-1.0.so.0" in found["STM32_Programmer_CLI"].detail
    assert "ST-LINK probes" not in found


def test_a_program_that_hangs_is_ended(bare: Path) -> None:
    path = bare / "cmake"
    path.write_text("#!/bin/sh\nwhile :; do :; done\n")
    path.chmod(0o755)
    started = time.monotonic()
    assert look(program_s=0.2)["cmake"].status == "broken"
    assert time.monotonic() - started < 5


def test_pyserial_may_be_absent(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "serial.tools.list_ports", None)
    finding = look()["serial ports"]
    assert finding.status == "missing"
    assert 'pip install "zoo-stm32[board]"' in finding.hint


# ---------------------------------------------------------------- cloud


def lead_to(monkeypatch: pytest.MonkeyPatch, server: CloudServer, login: str = "token") -> None:
    for name, value in server.environment(login=login).items():
        monkeypatch.setenv(name, value)


def keep(tmp_path: Path, mode: int = 0o600, **token: object) -> Path:
    path = tmp_path / "config" / "zoo" / "developer_cloud.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(token))
    path.chmod(mode)
    return path


@pytest.mark.parametrize("login", ["token", "password"])
def test_with_a_login_the_cloud_is_asked_once_and_nobody_logged_in(monkeypatch, login: str) -> None:
    with CloudServer() as server:
        lead_to(monkeypatch, server, login)
        found = look()
        assert server.requests == [("GET", "/assets/versions.json")]
        assert found["ST cloud"].status == "ok"
        assert found["ST cloud"].detail.startswith(server.url.removeprefix("http://"))
        shown = " ".join(f"{finding}" for finding in found.values())
        assert not [secret for secret in server.secrets if secret in shown]
    assert found["ST cloud login"].status == "ok"


def test_without_a_login_nothing_is_sent(monkeypatch) -> None:
    with CloudServer() as server:
        lead_to(monkeypatch, server, "none")
        found = look()
        assert server.requests == []
    assert found["ST cloud login"].detail == "none is configured"
    assert "ST cloud" not in found


@pytest.mark.parametrize(
    ("failure", "said"), [(CloudFailure.HANG, "0.2"), (CloudFailure.SERVER_ERROR, "500"), (CloudFailure.WEB_PAGE, "")]
)
def test_a_cloud_that_does_not_serve_is_no_fault_of_the_installation(monkeypatch, failure, said: str) -> None:
    with CloudServer(failure=failure) as server:
        lead_to(monkeypatch, server)
        started = time.monotonic()
        finding = look(cloud_s=0.2 if failure is CloudFailure.HANG else 5.0)["ST cloud"]
        assert time.monotonic() - started < 5
        assert len(server.requests) == 1, "it is not asked again"
    assert (finding.status, finding.required) == ("missing", False)
    assert said in finding.detail or "limit" in finding.detail


def test_a_name_that_is_looked_up_for_ever_is_not_waited_for(monkeypatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(20) and [])
    monkeypatch.setenv("ZOO_CLOUD_TOKEN", "some-token")
    monkeypatch.setenv("BASE_URL_DEVCLOUD", "https://slow.example/")
    started = time.monotonic()
    finding = look(cloud_s=0.1)["ST cloud"]
    over.set()
    assert time.monotonic() - started < 5
    assert finding.status == "missing"
    assert "slow.example did not answer within 0.1 s" in finding.detail


def test_an_address_that_cannot_be_used_is_broken(monkeypatch) -> None:
    monkeypatch.setenv("ZOO_CLOUD_TOKEN", "some-token")
    monkeypatch.setenv("BASE_URL_DEVCLOUD", "http://elsewhere.example/")
    finding = look()["ST cloud"]
    assert finding.status == "broken"
    assert "BASE_URL_DEVCLOUD" in finding.detail


def test_half_a_login_is_broken(monkeypatch) -> None:
    monkeypatch.setenv("stmai_username", "somebody@example.com")
    found = look()
    assert found["ST cloud login"].status == "broken"
    assert "stmai_password" in found["ST cloud login"].detail
    assert "ST cloud" not in found


@pytest.mark.skipif(os.name != "posix", reason="rights of files")
def test_a_login_that_others_can_read_is_broken(tmp_path: Path) -> None:
    path = keep(tmp_path, 0o644, **KEPT, **RENEWABLE)
    finding = look()["ST cloud login"]
    assert (finding.status, finding.hint) == ("broken", f"Run: chmod 600 '{path}'")


def test_an_expired_login_is_missing_and_not_used(tmp_path: Path) -> None:
    keep(tmp_path, **KEPT, expires_at=1_000_000_000)
    found = look()
    assert found["ST cloud login"].status == "missing"
    assert "ZOO_CLOUD_TOKEN" in found["ST cloud login"].hint
    assert "ST cloud" not in found


def test_a_kept_login_is_found(monkeypatch, tmp_path: Path) -> None:
    path = keep(tmp_path, **KEPT, **RENEWABLE, expires_at=1_000_000_000)
    with CloudServer() as server:
        lead_to(monkeypatch, server, "none")
        found = look()
    assert found["ST cloud login"].detail == f"kept in {path}"
    assert found["ST cloud"].status == "ok"
