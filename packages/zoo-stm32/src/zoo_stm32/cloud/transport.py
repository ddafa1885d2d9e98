"""Own the sending of requests: TLS always verified, every wait bounded, repeated only where that is harmless."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.client import HTTPException
from typing import Final
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import (
    BaseHandler,
    HTTPCookieProcessor,
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    UnknownHandler,
)
from urllib.request import Request as HttpRequest

from zoo_core.errors import UserError
from zoo_stm32.cloud.bodies import Body
from zoo_stm32.cloud.errors import CloudCause, CloudError
from zoo_stm32.cloud.limits import Limits
from zoo_stm32.cloud.routes import is_loopback, is_safe
from zoo_stm32.cloud.secret import Secret, masked, one_line
from zoo_stm32.cloud.trouble import Trouble, damaged, of_exception

logger = logging.getLogger(__name__)

CHUNK_BYTES: Final = 1 << 16
LARGEST_ANSWER: Final = 64 << 20
LARGEST_FILE: Final = 1 << 30
REASONS: Final = ("errors", "error", "message")
USER_AGENT: Final = "Mozilla/5.0 (compatible; zoo-stm32)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Say what to send. `what` names it in messages, such as `the list of boards`."""

    method: str
    url: str
    what: str
    body: Body | None = None
    token: Secret | None = None
    repeatable: bool = False
    """Whether sending it twice does no harm."""
    limit: float | None = None
    """Seconds, instead of those of `Limits.request`."""
    attempts: int | None = None
    largest: int = LARGEST_ANSWER


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Hold what came back."""

    status: int
    body: bytes = field(repr=False)
    location: str = field(default="", repr=False)
    retry_after: str = ""

    @property
    def text(self) -> str:
        """Return the body as text, whatever its bytes."""
        return self.body.decode("utf-8", errors="replace")


class Transport:
    """Send requests to one service."""

    def __init__(self, limits: Limits, *, cookies: bool = False) -> None:
        self.limits = limits
        self._secrets: tuple[Secret, ...] = ()
        self._cookies: tuple[BaseHandler, ...] = (HTTPCookieProcessor(),) if cookies else ()

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Return what must never be shown."""
        return self._secrets

    def protect(self, *secrets: Secret) -> None:
        """Mask these in everything that is shown from now on."""
        self._secrets = tuple(dict.fromkeys((*self._secrets, *secrets)))

    def shown(self, text: str) -> str:
        """Return a text of the service fit for a message."""
        return one_line(masked(text, self._secrets))

    def said(self, reply: Reply) -> str:
        """Return the reason that a refusal gives, after a colon, from the fields that the service uses for that."""
        try:
            value = json.loads(reply.body)
        except (ValueError, RecursionError):
            return ""
        found = [value[name] for name in REASONS if value.get(name)] if isinstance(value, dict) else []
        return f": {self.shown(found[0] if isinstance(found[0], str) else json.dumps(found[0]))}" if found else ""

    def send(self, request: Request) -> Reply:
        """Return the answer of the service, whatever its status, except those that asking again may mend.

        Raises:
            CloudError: When there is no answer within the limits, or only `429` and `5xx` ones.
            UserError: When the address is not one that secrets may be sent to.
        """
        if not is_safe(request.url):
            raise UserError(f"The request for {request.what} would go to an unprotected address.")
        attempts = request.attempts or self.limits.attempts
        attempt = 0
        while True:
            attempt += 1
            outcome = self._attempt(request)
            if isinstance(outcome, Reply):
                return outcome
            pause = self._pause(outcome, attempt)
            last = attempt == attempts or pause > self.limits.longest_pause
            if last or not (outcome.harmless or (request.repeatable and outcome.passing)):
                raise self._error(outcome, request, attempt)
            logger.debug("%s %s: %s; again in %.1f s", request.method, _place(request), outcome.text, pause)
            time.sleep(pause)

    def _attempt(self, request: Request) -> Reply | Trouble:
        """Send once. What fails comes back as a value: an exception raised here would carry the request along."""
        deadline = time.monotonic() + (request.limit or self.limits.request)
        prepared = HttpRequest(request.url, method=request.method)  # noqa: S310 - `send` checked the scheme
        prepared.add_header("User-Agent", USER_AGENT)
        prepared.add_header("Accept", "*/*")
        if request.token is not None:
            prepared.add_unredirected_header("Authorization", f"Bearer {request.token.reveal()}")
        if request.body is not None:
            prepared.data = _until(request.body.chunks(), deadline)  # before the headers: it strikes out the length
            prepared.add_header("Content-Type", request.body.content_type)
            prepared.add_header("Content-Length", str(request.body.length))
        try:
            reply = self._exchange(prepared, request, deadline)
        except (URLError, HTTPException, OSError, ValueError) as error:
            reply = of_exception(error)
        if isinstance(reply, Trouble):
            return reply
        logger.debug("%s %s: %d, %d bytes", request.method, _place(request), reply.status, len(reply.body))
        return self._passing(reply) or reply

    def _exchange(self, prepared: HttpRequest, request: Request, deadline: float) -> Reply | Trouble:
        opener = OpenerDirector()
        proxies = () if is_loopback(urlsplit(request.url).hostname) else (ProxyHandler(),)
        for handler in (*proxies, *self._cookies, UnknownHandler(), HTTPHandler(), HTTPSHandler()):
            opener.add_handler(handler)
        with opener.open(prepared, timeout=_left(deadline)) as answer:
            body = bytearray()
            while chunk := answer.read1(CHUNK_BYTES):
                body += chunk
                _left(deadline)
                if len(body) > request.largest:
                    return damaged(f"the answer is larger than {request.largest >> 20} MiB")
            declared = answer.headers.get("Content-Length")
            if request.method != "HEAD" and declared and declared.isdigit() and int(declared) != len(body):
                return damaged(f"the answer broke off after {len(body)} of {declared} bytes")
            return Reply(
                status=answer.status,
                body=bytes(body),
                location=answer.headers.get("Location", ""),
                retry_after=answer.headers.get("Retry-After", ""),
            )

    def _passing(self, reply: Reply) -> Trouble | None:
        said = self.said(reply)
        if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
            return Trouble(
                cause=CloudCause.BUSY,
                text=f"answered 429, too many requests{said}",
                harmless=True,
                passing=True,
                wait=_seconds(reply.retry_after),
                hint="Wait a while and run again.",
            )
        if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Trouble(
                cause=CloudCause.SERVER,
                text=f"answered {reply.status}, an error of the service itself{said}",
                passing=True,
                wait=_seconds(reply.retry_after),
                hint="The fault lies with the service: try again later, or choose another benchmarking.engine.",
            )
        return None

    def _pause(self, trouble: Trouble, attempt: int) -> float:
        if trouble.wait is not None:
            return trouble.wait
        return min(self.limits.backoff * 2.0 ** (attempt - 1), self.limits.longest_pause)

    def _error(self, trouble: Trouble, request: Request, attempts: int) -> CloudError:
        host = urlsplit(request.url).netloc
        often = f", {attempts} times in a row" if attempts > 1 else ""
        asked = ""
        if trouble.wait is not None and trouble.wait > self.limits.longest_pause:
            asked = f" It asks to wait {trouble.wait:.0f} s; at most {self.limits.longest_pause:.0f} s are waited."
        message = f"Developer Cloud ({host}), {request.what}: {masked(trouble.text, self._secrets)}{often}.{asked}"
        return CloudError(message, cause=trouble.cause, hint=trouble.hint)


def _until(chunks: Iterator[bytes], deadline: float) -> Iterator[bytes]:
    for chunk in chunks:
        _left(deadline)
        yield chunk


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _place(request: Request) -> str:
    parts = urlsplit(request.url)
    return f"{parts.netloc}{parts.path}"


def _seconds(retry_after: str) -> float | None:
    """Read a `Retry-After`: seconds, or a date (RFC 9110, 10.2.3)."""
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        moment = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, moment.timestamp() - time.time())
