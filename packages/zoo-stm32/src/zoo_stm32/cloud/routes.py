"""Own the addresses of the Developer Cloud and the environment variables that replace them."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit

from zoo_core.errors import UserError

BASE_URL: Final = "https://stedgeai-dc.st.com/"
TEST_BASE_URL: Final = "https://stedgeai-dc-qa.st.com/"
SSO_URL: Final = "https://sso.st.com"
TEST_SSO_URL: Final = "https://qa-sso.st.com"
CLIENT: Final = "oidc_prod_client_app_stm32ai"
TEST_CLIENT: Final = "oidc_pre_prod_client_app"
VERSION_FIELD: Final = "{version}"
SCHEMES: Final = ("http", "https")


@dataclass(frozen=True, slots=True, kw_only=True)
class Routes:
    """Say where each part of the service answers. No address ends in a slash.

    The environment variables are those of ST's own client: `BASE_URL_DEVCLOUD` (or, with `USE_TEST_ROUTES`,
    `BASE_URL_DEVCLOUD_QA`) moves everything but the login; `STM32AI_SERVICE_URL`, `USER_SERVICE_URL`,
    `FILE_SERVICE_URL`, `GENERATE_NBG_SERVICE_URL`, `BENCHMARK_SERVICE_URL`, `VERSIONS_URL`, `SSO_URL`, `CALLBACK_URL`
    and `CLIENTID` move one part each. `STM32AI_SERVICE_URL` may contain `{version}`.
    """

    stm32ai: str
    user: str
    files: str
    nbg: str
    benchmark: str
    versions: str
    sso: str
    callback: str
    client: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Routes:
        """Return the routes of the service, each replaced by its environment variable when that is set.

        Raises:
            UserError: When an address is not https (plain http serves loopback only) or holds a password.
        """
        variables = os.environ if environment is None else environment
        testing = bool(variables.get("USE_TEST_ROUTES"))
        base_variable = "BASE_URL_DEVCLOUD_QA" if testing else "BASE_URL_DEVCLOUD"
        base = _address(variables, base_variable, TEST_BASE_URL if testing else BASE_URL)
        return cls(
            stm32ai=_address(variables, "STM32AI_SERVICE_URL", f"{base}/api/{VERSION_FIELD}/stm32ai"),
            user=_address(variables, "USER_SERVICE_URL", f"{base}/api/user_service"),
            files=_address(variables, "FILE_SERVICE_URL", f"{base}/api/file"),
            nbg=_address(variables, "GENERATE_NBG_SERVICE_URL", f"{base}/api/generate_nbg"),
            benchmark=_address(variables, "BENCHMARK_SERVICE_URL", f"{base}/api/benchmark"),
            versions=_address(variables, "VERSIONS_URL", f"{base}/assets/versions.json"),
            sso=_address(variables, "SSO_URL", TEST_SSO_URL if testing else SSO_URL),
            callback=_address(variables, "CALLBACK_URL", f"{base}/callback"),
            client=variables.get("CLIENTID") or (TEST_CLIENT if testing else CLIENT),
        )

    @property
    def host(self) -> str:
        """Return the host that measures, as messages name it."""
        return urlsplit(self.benchmark).netloc

    def action(self, version: str, action: str) -> str:
        """Return the address of `analyze`, `generate`, `validate` or `run/<id>` of a tool version."""
        return f"{self.stm32ai.replace(VERSION_FIELD, quote(version, safe=''))}/{action}"

    def variable_of(self, url: str) -> str:
        """Return the environment variable that moves an address."""
        owners = {
            self.stm32ai.split(VERSION_FIELD, maxsplit=1)[0]: "STM32AI_SERVICE_URL",
            self.user: "USER_SERVICE_URL",
            self.files: "FILE_SERVICE_URL",
            self.nbg: "GENERATE_NBG_SERVICE_URL",
            self.benchmark: "BENCHMARK_SERVICE_URL",
            self.versions: "VERSIONS_URL",
            self.sso: "SSO_URL",
        }
        fitting = [prefix for prefix in owners if url.startswith(prefix)]
        return owners[max(fitting, key=len)] if fitting else "BASE_URL_DEVCLOUD"


def is_loopback(host: str | None) -> bool:
    """Tell whether a host name is this machine."""
    if host is None:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_safe(url: str) -> bool:
    """Tell whether secrets may be sent to an address: https, or http to this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))


def _address(variables: Mapping[str, str], variable: str, default: str) -> str:
    url = (variables.get(variable) or default).strip()
    try:
        parts = urlsplit(url)
        complete = parts.scheme in SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        complete = False
    if not complete:
        raise UserError(
            f"{variable} is not an address of a web service.", hint=f"Write it in full, such as {default}, or unset it."
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UserError(
            f"{variable} must not hold a login, a query or a fragment.",
            hint=f"Write the plain address, such as {default}, or unset it.",
        )
    if not is_safe(url):
        raise UserError(
            f"{variable} uses plain http for {parts.hostname}; a login would travel unprotected.",
            hint="Write https://; plain http serves stand-ins on localhost only.",
        )
    return url.rstrip("/")
