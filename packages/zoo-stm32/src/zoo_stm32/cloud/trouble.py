"""Own what can go wrong between this machine and the service, in words."""

from __future__ import annotations

import os
import socket
import ssl
from dataclasses import dataclass
from http.client import HTTPException
from typing import Final
from urllib.error import URLError

from zoo_stm32.cloud.errors import CloudCause

NETWORK_HINT: Final = "Check the network, and https_proxy when there is a proxy; nothing was changed on the service."


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Describe why one attempt failed."""

    cause: CloudCause
    text: str
    harmless: bool = False
    """The service did not begin: sending anything again does no harm."""
    passing: bool = False
    """May be over by the next attempt."""
    wait: float | None = None
    """Pause that the service asks for, in seconds."""
    hint: str | None = None


KNOWN: Final[tuple[tuple[tuple[type[BaseException], ...], Trouble], ...]] = (
    (
        (TimeoutError,),
        Trouble(cause=CloudCause.TIMEOUT, text="did not answer within the time limit", passing=True, hint=NETWORK_HINT),
    ),
    (
        (socket.gaierror,),
        Trouble(
            cause=CloudCause.UNREACHABLE,
            text="the host name is not known",
            harmless=True,
            passing=True,
            hint=NETWORK_HINT,
        ),
    ),
    (
        (ConnectionRefusedError,),
        Trouble(
            cause=CloudCause.UNREACHABLE,
            text="the connection was refused",
            harmless=True,
            passing=True,
            hint=NETWORK_HINT,
        ),
    ),
    (
        (ConnectionError, HTTPException),
        Trouble(cause=CloudCause.UNREACHABLE, text="the connection broke off", passing=True, hint=NETWORK_HINT),
    ),
)


def of_exception(error: BaseException) -> Trouble:
    """Return what an exception of the network means."""
    reason = error.reason if isinstance(error, URLError) and isinstance(error.reason, BaseException) else error
    if isinstance(reason, ssl.SSLError):
        return _of_tls(reason)
    for kinds, trouble in KNOWN:
        if isinstance(reason, kinds):
            return trouble
    if isinstance(reason, OSError):
        known = reason.strerror or _last_words(reason)
        return Trouble(cause=CloudCause.UNREACHABLE, text=known, passing=True, hint=NETWORK_HINT)
    return Trouble(cause=CloudCause.MALFORMED, text="the answer is no HTTP", hint=NETWORK_HINT)


def damaged(text: str) -> Trouble:
    """Return the trouble of an answer that did not arrive whole."""
    return Trouble(cause=CloudCause.DAMAGED, text=text, passing=True, hint=NETWORK_HINT)


def _of_tls(error: ssl.SSLError) -> Trouble:
    if not isinstance(error, ssl.SSLCertVerificationError):
        return Trouble(cause=CloudCause.CERTIFICATE, text="no TLS connection could be made", hint=NETWORK_HINT)
    hint = (
        "Certificates are always verified. If your network has an own certificate authority, "
        "set SSL_CERT_FILE to its certificate."
    )
    if os.environ.get("NO_SSL_VERIFY"):
        hint += " NO_SSL_VERIFY is not supported."
    return Trouble(
        cause=CloudCause.CERTIFICATE,
        text=f"its certificate is not trusted ({error.verify_message.rstrip('.')})",
        hint=hint,
    )


def _last_words(error: OSError) -> str:
    """Return the text of an error without number, such as that of a proxy that refuses."""
    return str(error.args[-1]) if error.args else type(error).__name__
