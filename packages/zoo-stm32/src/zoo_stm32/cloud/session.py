"""Own the talk with the service as somebody who is logged in: token, its renewal, and what a refusal means."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from zoo_core.errors import MissingError, ZooError
from zoo_stm32.cloud.bodies import form_body
from zoo_stm32.cloud.credentials import HOW_TO_LOG_IN, TOKEN_VARIABLE, Credentials, Token, load_token, save_token
from zoo_stm32.cloud.errors import ChangedServiceError, CloudCause, CloudError
from zoo_stm32.cloud.limits import Limits
from zoo_stm32.cloud.login import refresh, sign_in
from zoo_stm32.cloud.routes import Routes
from zoo_stm32.cloud.secret import Secret, masked_tree
from zoo_stm32.cloud.transport import Reply, Request, Transport

EXPIRED_HINT: Final = f"Log in again, or set a new {TOKEN_VARIABLE}."


class Session:
    """Send requests with the token that the credentials give, and renew it once when it has expired."""

    def __init__(self, routes: Routes, credentials: Credentials, limits: Limits) -> None:
        self.routes = routes
        self.credentials = credentials
        self.limits = limits
        self._transport = Transport(limits)
        self._token: Token | None = None
        for secret in (credentials.token, credentials.password):
            if secret is not None:
                self._transport.protect(secret)

    def shown(self, text: str) -> str:
        """Return a text of the service fit for a message."""
        return self._transport.shown(text)

    def masked(self, answer: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return an answer without any secret that the service may have put into it."""
        clean: Mapping[str, Any] = masked_tree(answer, self._transport.secrets)
        return clean

    def lacking(self) -> str | None:
        """Return why there is no login, or nothing when there is one. Sends nothing."""
        if self.credentials.token is not None or self.credentials.can_sign_in:
            return None
        try:
            kept = load_token(self.credentials.file)
        except ZooError as error:
            return str(error)
        if kept is None:
            return f"There is no login for the ST Edge AI Developer Cloud.\n{HOW_TO_LOG_IN}"
        if kept.expired and kept.refresh is None:
            return f"The login kept in {self.credentials.file} has expired.\n{EXPIRED_HINT}"
        return None

    def sign_in(self, username: str, password: Secret) -> None:
        """Log in with a name and password, and keep the token in the file of the credentials.

        Raises:
            LoginRefusedError: When the service does not accept them.
            CloudError: When the service cannot be reached.
        """
        self._use(sign_in(self.limits, self.routes, username, password), keep=True)

    def verify(self) -> None:
        """Ask the service whether it knows the login.

        Raises:
            CloudError: When it does not.
            MissingError: When there is none.
        """
        what = "the check of the login"
        body = form_body({"access_token": self._ready().access})
        url = f"{self.routes.user}/login/authenticate"
        answer = self.read_object(self.send(Request(method="POST", url=url, what=what, body=body)), what)
        if not answer.get("sub"):
            raise CloudError(
                f"Developer Cloud ({self.routes.host}): the login is not known to the service.",
                cause=CloudCause.EXPIRED,
                hint=EXPIRED_HINT,
            )

    def send(self, request: Request) -> Reply:
        """Return the answer to a request; only one that says `done` comes back.

        Raises:
            CloudError: For every other answer, saying what it means.
            MissingError: When there is no login.
        """
        token = self._ready()
        reply = self._transport.send(replace(request, token=token.access))
        if reply.status == HTTPStatus.UNAUTHORIZED:
            reply = self._transport.send(replace(request, token=self._renewed(token).access))
        return self._accepted(reply, request)

    def send_open(self, request: Request) -> Reply:
        """Return the answer to a request that needs no login.

        Raises:
            CloudError: When the answer is not the thing asked for.
        """
        return self._accepted(self._transport.send(request), request)

    def read(self, reply: Reply, what: str) -> Any:
        """Return the JSON of an answer.

        Raises:
            CloudError: When it is none.
        """
        try:
            return json.loads(reply.body)
        except (ValueError, RecursionError):
            raise CloudError(
                f"Developer Cloud ({self.routes.host}), {what}: the answer is not JSON: "
                f"{self.shown(reply.text[:200]) or 'it is empty'}",
                cause=CloudCause.MALFORMED,
                hint="A proxy or a sign-on page may have answered in its place; open the address in a browser.",
            ) from None

    def read_object(self, reply: Reply, what: str) -> Mapping[str, Any]:
        """Return the JSON object of an answer.

        Raises:
            CloudError: When it is none.
        """
        value = self.read(reply, what)
        if not isinstance(value, dict):
            raise ChangedServiceError(
                f"Developer Cloud ({self.routes.host}), {what}: a JSON object was expected, "
                f"{type(value).__name__} came back."
            )
        return value

    def _ready(self) -> Token:
        if self._token is None:
            self._use(self._first(), keep=False)
        token = self._token
        if token is None:
            raise MissingError("There is no login for the ST Edge AI Developer Cloud.", hint=HOW_TO_LOG_IN)
        return self._renewed(token) if token.expired else token

    def _first(self) -> Token:
        known = self.credentials
        if known.token is not None:
            return Token(access=known.token)
        if known.username is not None and known.password is not None:
            return sign_in(self.limits, self.routes, known.username, known.password)
        kept = load_token(known.file)
        if kept is None:
            raise MissingError("There is no login for the ST Edge AI Developer Cloud.", hint=HOW_TO_LOG_IN)
        return kept

    def _renewed(self, token: Token) -> Token:
        following = refresh(self._transport, self.routes, token)
        if following is None:
            raise CloudError(
                f"Developer Cloud ({self.routes.host}): the login has expired or is not known to the service, "
                "and could not be renewed.",
                cause=CloudCause.EXPIRED,
                hint=EXPIRED_HINT,
            )
        self._use(following, keep=self.credentials.token is None and not self.credentials.can_sign_in)
        return following

    def _use(self, token: Token, *, keep: bool) -> None:
        self._transport.protect(token.access, *([token.refresh] if token.refresh else []))
        self._token = token
        if keep:
            save_token(self.credentials.file, token)

    def _accepted(self, reply: Reply, request: Request) -> Reply:
        if HTTPStatus.OK <= reply.status < HTTPStatus.MULTIPLE_CHOICES:
            return reply
        host = urlsplit(request.url).netloc
        cause, meaning, hint = self._meaning(reply, request)
        raise CloudError(f"Developer Cloud ({host}), {request.what}: {meaning}.", cause=cause, hint=hint)

    def _meaning(self, reply: Reply, request: Request) -> tuple[CloudCause, str, str]:
        variable = self.routes.variable_of(request.url)
        if HTTPStatus.MULTIPLE_CHOICES <= reply.status < HTTPStatus.BAD_REQUEST:
            elsewhere = urlsplit(reply.location).netloc or "elsewhere"
            return CloudCause.REDIRECT, f"redirected to {elsewhere}", f"If the service has moved, set {variable}."
        if reply.status == HTTPStatus.UNAUTHORIZED:
            return CloudCause.EXPIRED, "answered 401, even after the login was renewed", EXPIRED_HINT
        if reply.status == HTTPStatus.FORBIDDEN:
            hint = "Log in with a browser and accept the terms of use, or ask ST for access."
            return CloudCause.FORBIDDEN, f"answered 403, the account may not do this{self._transport.said(reply)}", hint
        if reply.status == HTTPStatus.NOT_FOUND:
            hint = f"If the service has moved, set {variable}; else it may have changed since zoo-stm32 was written."
            return CloudCause.NOT_FOUND, f"answered 404, {urlsplit(request.url).path} is not there", hint
        text = f"rejected the request with {reply.status}{self._transport.said(reply)}"
        return CloudCause.REJECTED, text, "Check the model and the options of tools.stedgeai."
