"""Test addresses, TLS, name resolution and pauses between attempts."""

from __future__ import annotations

import email.utils
import socket
import time
from dataclasses import replace

import pytest

from zoo_core.errors import UserError
from zoo_stm32.cloud import CloudCause, CloudError, Limits, Routes
from zoo_stm32.cloud.transport import Request, Transport, _seconds
from zoo_stm32.testing.cloud import CloudFailure, CloudServer

VARIABLES = {
    "STM32AI_SERVICE_URL": "stm32ai", "USER_SERVICE_URL": "user", "FILE_SERVICE_URL": "files",
    "GENERATE_NBG_SERVICE_URL": "nbg", "BENCHMARK_SERVICE_URL": "benchmark", "VERSIONS_URL": "versions",
    "SSO_URL": "sso", "CALLBACK_URL": "callback", "CLIENTID": "client",
}  # fmt: skip


def test_the_documented_addresses_are_the_default():
    routes = Routes.from_environment({})
    assert routes.action("4.0.0", "analyze") == "https://stedgeai-dc.st.com/api/4.0.0/stm32ai/analyze"
    assert routes.benchmark == "https://stedgeai-dc.st.com/api/benchmark"
    assert routes.files == "https://stedgeai-dc.st.com/api/file"
    assert routes.nbg == "https://stedgeai-dc.st.com/api/generate_nbg"
    assert routes.versions == "https://stedgeai-dc.st.com/assets/versions.json"
    assert routes.callback == "https://stedgeai-dc.st.com/callback"
    assert routes.sso == "https://sso.st.com"
    assert routes.client == "oidc_prod_client_app_stm32ai"
    testing = Routes.from_environment({"USE_TEST_ROUTES": "1"})
    assert testing.benchmark == "https://stedgeai-dc-qa.st.com/api/benchmark"


@pytest.mark.parametrize("variable", VARIABLES)
def test_every_address_can_be_replaced_alone(variable):
    other = "https://other.example/x"
    usual, changed = Routes.from_environment({}), Routes.from_environment({variable: other + "/"})
    name = VARIABLES[variable]
    assert getattr(changed, name).rstrip("/") == other
    assert [key for key in Routes.__slots__ if getattr(usual, key) != getattr(changed, key)] == [name]
    if name not in ("callback", "client"):
        assert changed.variable_of(f"{other}/deeper") == variable


def test_the_base_moves_all_but_the_sign_on():
    routes = Routes.from_environment({"BASE_URL_DEVCLOUD": "https://mirror.example/"})
    assert routes.sso == "https://sso.st.com"
    assert {routes.benchmark.split("/api")[0], routes.user.split("/api")[0]} == {"https://mirror.example"}


@pytest.mark.parametrize("url", ["http://localhost:8000", "http://127.0.0.1:1", "http://[::1]:9", "https://a.example"])
def test_plain_http_serves_this_machine(url):
    assert Routes.from_environment({"BASE_URL_DEVCLOUD": url}).versions.startswith(url)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://stedgeai-dc.st.com", "plain http"),
        ("http://localhost.evil.example", "plain http"),
        ("http://10.0.0.1", "plain http"),
        ("ftp://a.example", "not an address"),
        ("file:///etc/passwd", "not an address"),
        ("stedgeai-dc.st.com", "not an address"),
        ("https://", "not an address"),
        ("https://a.example:99999", "not an address"),
        ("https://user:hunter2@a.example", "must not hold a login"),
        ("https://a.example?key=hunter2", "must not hold a login"),
    ],
)
def test_other_addresses_are_refused_without_showing_their_secrets(url, words):
    with pytest.raises(UserError, match=words) as caught:
        Routes.from_environment({"FILE_SERVICE_URL": url})
    assert "FILE_SERVICE_URL" in caught.value.message
    assert "hunter2" not in str(caught.value)


def test_a_certificate_that_nobody_signed_is_refused_and_a_known_one_taken(connect, certificate, monkeypatch):
    with CloudServer(certificate=certificate) as server:
        monkeypatch.setenv("NO_SSL_VERIFY", "1")
        with pytest.raises(CloudError, match="certificate is not trusted") as caught:
            connect(server).boards()
        assert caught.value.cause is CloudCause.CERTIFICATE
        assert "SSL_CERT_FILE" in caught.value.hint
        assert "NO_SSL_VERIFY is not supported" in caught.value.hint
        assert server.requests == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert len(connect(server).boards()) == 16


def test_a_certificate_of_another_host_is_refused(certificate, monkeypatch, limits):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with CloudServer(certificate=certificate) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        with pytest.raises(CloudError, match="certificate is not trusted"):
            Transport(limits).send(Request(method="GET", url=url, what="x"))


def test_plain_http_behind_https_is_one_message(connect):
    with CloudServer() as server, pytest.raises(CloudError, match="no TLS connection could be made"):
        connect(server, BASE_URL_DEVCLOUD=server.url.replace("http:", "https:")).boards()


def test_an_unknown_host_is_one_message(connect, monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    client = connect(CloudServerAddress(), BASE_URL_DEVCLOUD="https://cloud.invalid")
    with pytest.raises(CloudError, match=r"cloud\.invalid.*the host name is not known, 2 times") as caught:
        client.boards()
    assert caught.value.cause is CloudCause.UNREACHABLE
    assert "https_proxy" in caught.value.hint


class CloudServerAddress:
    def environment(self, *, login):
        return {"ZOO_CLOUD_TOKEN": "abc"}


def test_pauses_grow_and_the_wish_of_the_service_is_honoured(monkeypatch):
    pauses = []
    monkeypatch.setattr("zoo_stm32.cloud.transport.time.sleep", pauses.append)
    limits = Limits(attempts=5, backoff=0.5, longest_pause=3.0)
    with CloudServer(failure=CloudFailure.BUSY) as server, pytest.raises(CloudError):
        Transport(limits).send(Request(method="GET", url=server.url, what="x", repeatable=True))
    assert pauses == [0.5, 1.0, 2.0, 3.0]
    pauses.clear()
    with CloudServer(failure=CloudFailure.BUSY_LONG) as server, pytest.raises(CloudError):
        Transport(replace(limits, attempts=2, longest_pause=3600)).send(
            Request(method="GET", url=server.url, what="x", repeatable=True)
        )
    assert pauses == [3600.0]


def test_retry_after_is_read_as_seconds_or_date():
    assert _seconds("17") == 17
    assert _seconds("soon") is None
    assert _seconds("") is None
    assert _seconds(email.utils.formatdate(time.time() + 100, usegmt=True)) == pytest.approx(100, abs=2)
    assert _seconds(email.utils.formatdate(time.time() - 100, usegmt=True)) == 0


def test_a_request_that_is_not_harmless_is_sent_once():
    limits = Limits(attempts=4, backoff=0.0)
    with CloudServer(failure=CloudFailure.SERVER_ERROR) as server:
        with pytest.raises(CloudError, match=r"500.*out of order\.\n"):
            Transport(limits).send(Request(method="POST", url=server.url, what="x"))
        assert len(server.requests) == 1


def test_secrets_go_to_safe_addresses_only(limits):
    with pytest.raises(UserError, match="unprotected"):
        Transport(limits).send(Request(method="GET", url="http://a.example/x", what="x"))


def test_an_answer_without_bound_is_cut(limits):
    with CloudServer() as server, pytest.raises(CloudError, match="larger than 0 MiB"):
        Transport(limits).send(Request(method="GET", url=f"{server.url}/assets/versions.json", what="x", largest=10))
