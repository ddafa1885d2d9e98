"""Noisy libraries are silenced for a while, their reports gathered, and everything is as before afterwards."""

import logging
import sys
import warnings

import pytest

from zoo_core.export.quiet import quiet


def test_quiet_lets_nothing_reach_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet():
        sys.stdout.write("printed")
        sys.stderr.write("printed")
        warnings.warn("warned", UserWarning, stacklevel=1)
        logging.getLogger("torch.onnx._internal").error("logged")
        logging.warning("reported")
    assert capfd.readouterr() == ("", "")


def test_quiet_gathers_what_the_root_logger_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with quiet() as gathered:
        logging.warning("bias of %s overflows", "conv")
        logging.getLogger("acme").warning("for the user")
    assert gathered == ["bias of conv overflows"]
    assert caplog.messages == ["for the user"]


def test_quiet_leaves_logging_as_it_was() -> None:
    root, noisy = logging.getLogger(), logging.getLogger("torch")
    before = (
        root.level,
        list(root.handlers),
        list(root.filters),
        list(noisy.handlers),
        noisy.propagate,
        sys.stdout,
        sys.stderr,
    )
    with pytest.raises(KeyboardInterrupt), quiet():
        raise KeyboardInterrupt
    assert (
        root.level,
        list(root.handlers),
        list(root.filters),
        list(noisy.handlers),
        noisy.propagate,
        sys.stdout,
        sys.stderr,
    ) == before
