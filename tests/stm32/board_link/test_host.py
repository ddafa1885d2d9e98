"""ST's runtime on this computer, and the loaders of the validation firmware, against stand-ins."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from zoo_core.artifacts import InputSpec
from zoo_core.errors import MissingError, UserError, ZooError
from zoo_stm32.board_link import BoardSession, Expected, HostLink, load_firmware
from zoo_stm32.deployment.execute import execute

RUNNER = """
import numpy as np, sys, time
class AiRunner:
    def connect(self, desc):
        print("noise on standard output")
        return "broken" not in desc
    def get_error(self): return "library not found"
    def get_info(self): return {"name": "network"}
    def get_input_infos(self):
        quantized = {"scale": np.float32(0.5), "zero_point": np.uint8(3)}
        return [{"name": "in", "type": np.uint8, "shape": (1, 2, 2, 3), **quantized}]
    def get_output_infos(self):
        return [{"name": "out", "type": np.float32, "shape": (1, 3), "scale": None, "zero_point": None}]
    def invoke(self, inputs):
        if inputs[0].flat[0] == 255:
            sys.exit("the library crashed")
        if inputs[0].flat[0] == 254:
            time.sleep(60)
        real = (inputs[0].astype(np.float32) - 3) * 0.5
        return [real.sum(axis=(1, 2))], {}
"""
EXPECTED = Expected(input=InputSpec(3, 2, 2), output_shapes=((3,),))


class Progress:
    def track(self, title: str, total: int | None):
        return nullcontext(self)

    def advance(self, steps: int = 1, **values: float) -> None:
        pass


@pytest.fixture
def installation(tmp_path: Path) -> Path:
    folder = tmp_path / "scripts/ai_runner/stm_ai_runner"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(RUNNER)
    return tmp_path / "scripts"


def link(installation: Path, workspace: str = "st_ai_ws", timeout_s: float = 10.0) -> HostLink:
    log = installation.parent / "host.log"
    return HostLink(Path(workspace), installation / "ai_runner", log, timeout_s=timeout_s)


def test_the_library_computes_in_its_own_process(installation: Path) -> None:
    session = BoardSession(link(installation), EXPECTED)
    images = np.array([[[[1, 2], [3, 4]], [[5, 6], [7, 8]], [[0, 0], [0, 1]]]], np.float32)
    found = session.run(np.concatenate([images, images + 1]))
    session.close()
    np.testing.assert_allclose(found[0], [[10, 26, 1], [14, 30, 5]])  # sums of each channel, by hand
    assert "noise" in (installation.parent / "host.log").read_text()


def test_failures_of_the_library_are_one_message(installation: Path) -> None:
    with pytest.raises(ZooError, match="library not found"):
        BoardSession(link(installation, "broken"), EXPECTED)
    with pytest.raises(ZooError, match="the library crashed"):
        BoardSession(link(installation), EXPECTED).run(np.full((1, 3, 2, 2), 1000, np.float32))
    slow = BoardSession(link(installation, timeout_s=3.0), EXPECTED)
    slow._link._timeout_s = 0.2
    with pytest.raises(ZooError, match=r"did not answer within 0\.2 s"):
        slow.run(np.full((1, 3, 2, 2), 125.5, np.float32))
    with pytest.raises(MissingError, match="holds no stm_ai_runner"):
        BoardSession(HostLink(Path("w"), installation, installation / "log"), EXPECTED)


LOADER = (
    "import json, sys\nprint(open(sys.argv[2]).read())\nsys.exit(int(json.load(open(sys.argv[2])).get('exit', 0)))\n"
)


LOADERS = [
    ("stedgeai_n6", "N6_scripts", "n6_loader.py", "config_n6l.json", "STM32N6570-DK", "N6-DK"),
    ("stedgeai_n6", "N6_scripts", "n6_loader.py", "config_n6l.json", "NUCLEO-N657X0-Q", "N6-Nucleo"),
    ("stedgeai_h7p", "H7P_scripts", "h7p_loader.py", "config_h7p.json", "STM32H7S78-DK", None),
]


@pytest.mark.parametrize("case", LOADERS, ids=lambda case: case[4])
def test_the_loader_gets_settings_of_the_run(tmp_path, case) -> None:
    target, folder, script, settings, board, configuration = case
    made = tmp_path / "scripts" / folder
    made.mkdir(parents=True)
    (made / script).write_text(LOADER)
    original = json.dumps({"project_path": str(tmp_path), "network.c": "old.c", "skip_ram_data_programming": False})
    (made / settings).write_text(original)
    code = tmp_path / "code"
    code.mkdir()
    (code / "network.c").write_text("/* network */")
    run = {"execute": execute, "progress": Progress()}
    path = load_firmware(target, board, tmp_path / "scripts", code, tmp_path / "run", **run)
    used = json.loads(path.read_text())
    assert used["network.c"] == str(code / "network.c")
    assert used.get("project_build_conf") == configuration
    assert used["skip_ram_data_programming"] is False
    assert (made / settings).read_text() == original
    log = (tmp_path / "run" / f"{target}_loader.log").read_text()
    assert str(code / "network.c") in log

    (made / settings).write_text(json.dumps({"project_path": str(tmp_path), "exit": 3}))
    with pytest.raises(ZooError, match="exit status 3"):
        load_firmware(target, board, tmp_path / "scripts", code, tmp_path / "run", **run)
    (made / settings).write_text(json.dumps({"project_path": "nowhere"}))
    with pytest.raises(MissingError, match="project_path names no folder"):
        load_firmware(target, board, tmp_path / "scripts", code, tmp_path / "run", **run)
    (made / script).unlink()
    with pytest.raises(MissingError, match=f"{script} is not in"):
        load_firmware(target, board, tmp_path / "scripts", code, tmp_path / "run", **run)


def test_unknown_targets_are_refused(tmp_path) -> None:
    with pytest.raises(UserError, match="stedgeai_x is loaded by no script"):
        load_firmware("stedgeai_x", "B", tmp_path, tmp_path, tmp_path, execute=execute, progress=Progress())
