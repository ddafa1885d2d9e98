"""Check the shipped tools for tests in a fresh interpreter."""

import subprocess

import pytest

from zoo_core.testing.isolation import run_isolated, write_plugin


def test_output_status_and_modules_are_reported():
    done = run_isolated(
        """
        import colorsys, sys
        print("out", *sys.argv[1:])
        print("err", file=sys.stderr)
        sys.exit(7)
    """,
        arguments=["a", "b c"],
    )
    assert (done.returncode, done.stdout, done.stderr) == (7, "out a b c\n", "err\n")
    assert "colorsys" in done.modules
    assert "pytest" not in done.modules


def test_modules_are_known_after_an_exception_but_not_after_a_kill():
    assert "colorsys" in run_isolated("import colorsys\n1 / 0").modules
    killed = run_isolated("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    assert killed.returncode == -9
    assert killed.modules == frozenset()


def test_plugin_choice_of_the_caller_does_not_leak_in(monkeypatch, tmp_path):
    monkeypatch.setenv("ZOO_PLUGINS", "x")
    code = "import os; print(os.environ.get('ZOO_PLUGINS'), os.getcwd())"
    assert run_isolated(code, cwd=tmp_path).stdout == f"None {tmp_path}\n"
    assert run_isolated(code, env={"ZOO_PLUGINS": "y"}).stdout.startswith("y ")


def test_code_that_takes_too_long_is_stopped():
    with pytest.raises(subprocess.TimeoutExpired):
        run_isolated("import time; time.sleep(60)", timeout=0.5)


def test_written_plugin_looks_installed(tmp_path):
    module = write_plugin(tmp_path, "zoo-acme.parts", "1.2", "acme", "VALUE = 5\n", files={"deep/data.txt": "hello"})
    assert module == "zoo_acme_parts.plugin"
    code = """
        from importlib import metadata, resources
        found = metadata.entry_points(group="zoo", name="acme")
        (point,) = found
        print(point.load().VALUE, point.dist.name, point.dist.version)
        print((resources.files("zoo_acme_parts") / "deep/data.txt").read_text())
    """
    assert run_isolated(code, paths=[tmp_path]).stdout == "5 zoo-acme.parts 1.2\nhello\n"
