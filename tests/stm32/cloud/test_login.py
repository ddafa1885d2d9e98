"""Test where a login comes from, that its file is private, and that nobody is asked who cannot answer."""

from __future__ import annotations

import json
import logging
import pickle
import stat
import time

import pytest

from zoo_core.errors import MissingError, UserError
from zoo_stm32.cloud import CloudError, Credentials, LoginRefusedError
from zoo_stm32.cloud.credentials import Token, load_token, save_token, token_path
from zoo_stm32.cloud.secret import Secret, masked_tree, one_line
from zoo_stm32.testing.cloud import ACCESS, PASSWORD, REFRESH, RENEWED, USERNAME, CloudFailure, CloudServer


@pytest.fixture
def token_file(tmp_path):
    return tmp_path / "config" / "zoo" / "developer_cloud.json"


@pytest.fixture
def terminal(monkeypatch):
    for name in ("stdin", "stdout"):
        monkeypatch.setattr(f"sys.{name}.isatty", lambda: True)
    monkeypatch.setattr("zoo_stm32.cloud.client.getpass", lambda _: PASSWORD)


def test_a_secret_never_shows():
    secret = Secret("hunter2hunter2")
    assert f"{secret} {secret!r} {[secret]} {Token(access=secret)}".count("hunter2") == 0
    assert "hunter2" not in repr(Credentials(file=token_path({}), token=secret, password=secret))
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    assert masked_tree({"a": ["x hunter2hunter2", 1], "hunter2hunter2": None}, (secret,)) == {
        "a": ["x ***", 1], "***": None,
    }  # fmt: skip


def test_foreign_text_is_made_fit_for_one_line():
    assert one_line("a\x1b[31m\n\tb") == "a [31m b"
    assert len(one_line("x" * 5000)) < 310


def test_a_login_file_is_private_and_read_back(token_file):
    token = Token(access=Secret("abc"), refresh=Secret("def"), expires_at=99.0)
    save_token(token_file, token)
    assert stat.S_IMODE(token_file.stat().st_mode) == 0o600
    assert load_token(token_file) == token
    assert [path.name for path in token_file.parent.iterdir()] == [token_file.name]
    save_token(token_file, Token(access=Secret("new")))
    assert load_token(token_file).access == Secret("new")


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o604, 0o640])
def test_a_login_file_with_wider_rights_is_refused_with_the_cure(mode, token_file, connect):
    save_token(token_file, Token(access=Secret(ACCESS)))
    token_file.chmod(mode)
    with pytest.raises(UserError, match=f"{mode:04o}") as caught:
        load_token(token_file)
    assert caught.value.hint == f"Run: chmod 600 '{token_file}'"
    with CloudServer() as server:
        client = connect(server, "none")
        assert "chmod 600" in client.check()[0]
        with pytest.raises(UserError, match="other users"):
            client.boards()
        token_file.chmod(0o600)
        assert connect(server, "none").check() == ()
        assert len(connect(server, "none").boards()) == 16


@pytest.mark.parametrize("content", ["", "[]", '{"access_token": 4}', '{"access_token": "a b"}', "\xff"])
def test_a_damaged_login_file_is_named(content, token_file):
    token_file.parent.mkdir(parents=True)
    token_file.write_bytes(content.encode("latin-1"))
    token_file.chmod(0o600)
    with pytest.raises(UserError, match="holds no login"):
        load_token(token_file)


def test_an_expired_login_file_is_renewed_and_kept(token_file, connect):
    save_token(token_file, Token(access=Secret(ACCESS), refresh=Secret(REFRESH), expires_at=time.time() - 5))
    with CloudServer() as server:
        client = connect(server, "none")
        assert client.check() == ()
        client.boards()
    kept = load_token(token_file)
    assert kept.access == Secret(RENEWED)
    assert kept.refresh == Secret(REFRESH)
    assert stat.S_IMODE(token_file.stat().st_mode) == 0o600


def test_an_expired_login_file_that_cannot_be_renewed_is_a_reason(token_file, connect):
    save_token(token_file, Token(access=Secret(ACCESS), expires_at=time.time() - 5))
    with CloudServer() as server:
        assert "has expired" in connect(server, "none").check()[0]


def test_milliseconds_are_told_from_seconds(token_file):
    token_file.parent.mkdir(parents=True)
    token_file.write_text(json.dumps({"access_token": "a", "expires_at": 1_900_000_000_000}))
    token_file.chmod(0o600)
    assert load_token(token_file).expires_at == 1_900_000_000


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"stmai_username": "a"}, "stmai_username is set but stmai_password is not"),
        ({"stmai_password": "hunter2"}, "stmai_password is set but stmai_username is not"),
        ({"STM32AI_USERNAME": "a", "STM32AI_PASSWORD": "hunter2"}, "The names are stmai_username and stmai_password"),
    ],
)
def test_half_a_login_is_named(environment, words, tmp_path):
    with pytest.raises(MissingError) as caught:
        Credentials.from_environment(environment, file=tmp_path / "none")
    assert words in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_token_that_cannot_be_sent_is_refused_without_showing_it(tmp_path):
    with pytest.raises(UserError) as caught:
        Credentials.from_environment({"ZOO_CLOUD_TOKEN": "hunter2\nX-Evil: 1"}, file=tmp_path / "none")
    assert "hunter2" not in str(caught.value)


def test_the_token_comes_before_name_and_password(connect):
    with CloudServer() as server:
        connect(server, "password", ZOO_CLOUD_TOKEN=ACCESS).boards()
        assert server.count("POST", "/idp/login") == 0


def test_login_with_name_and_password_from_the_environment_writes_nothing(connect, token_file):
    with CloudServer() as server:
        client = connect(server, "password")
        client.login(interactive=False)
        client.boards()
        assert server.count("POST", "/idp/login") == 1
    assert not token_file.exists()


def test_a_wrong_password_of_the_environment_is_tried_once(connect):
    wrong = {"stmai_password": "wrong-one"}
    with CloudServer() as server, pytest.raises(LoginRefusedError, match="refuses the password"):
        connect(server, "password", **wrong).boards()
    assert server.count("POST", "/idp/login") == 1


@pytest.mark.parametrize("interactive", [True, False])
def test_nobody_is_asked_without_a_terminal(interactive, connect, monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)

    def ask(_):
        pytest.fail("asked")

    with CloudServer() as server, pytest.raises(MissingError, match="no login"):
        connect(server, "none").login(interactive=interactive, ask=ask)


def test_a_chain_never_asks_even_on_a_terminal(connect, terminal):
    with CloudServer() as server, pytest.raises(MissingError, match="no login"):
        connect(server, "none").login(interactive=False, ask=lambda _: pytest.fail("asked"))


def test_a_login_on_a_terminal_is_kept_for_the_next_run(connect, terminal, token_file, caplog):
    caplog.set_level(logging.DEBUG)
    with CloudServer() as server:
        connect(server, "none").login(interactive=True, ask=lambda _: USERNAME)
        assert stat.S_IMODE(token_file.stat().st_mode) == 0o600
        assert PASSWORD not in token_file.read_text()
        connect(server, "none").boards()
        assert server.count("POST", "/idp/login") == 1
        for secret in server.secrets:
            assert secret not in caplog.text


def test_an_end_of_input_is_no_login(connect, terminal):
    def ask(_):
        raise EOFError

    with CloudServer() as server, pytest.raises(MissingError, match="No login was given"):
        connect(server, "none").login(interactive=True, ask=ask)


def test_an_expired_login_is_asked_for_again_only_on_a_terminal(connect, token_file, terminal):
    save_token(token_file, Token(access=Secret("stale-token")))
    with CloudServer() as server:
        with pytest.raises(CloudError, match="login has expired"):
            connect(server, "none").login(interactive=False)
        connect(server, "none").login(interactive=True, ask=lambda _: USERNAME)
        connect(server, "none").boards()


def test_a_sign_on_that_leads_away_gets_no_password(connect):
    with CloudServer(failure=CloudFailure.LOGIN_LEADS_AWAY) as server:
        with pytest.raises(CloudError, match=r"elsewhere\.example"):
            connect(server, "password").boards()
        assert server.count("POST", "/") == 0
