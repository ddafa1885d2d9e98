"""Own the exchange of a name and password for a token, as the web page of ST's single sign-on does it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

from zoo_core.errors import UserError
from zoo_stm32.cloud.bodies import form_body
from zoo_stm32.cloud.credentials import TOKEN_VARIABLE, Token, parse_token
from zoo_stm32.cloud.errors import CloudCause, CloudError
from zoo_stm32.cloud.limits import Limits
from zoo_stm32.cloud.routes import Routes, is_safe
from zoo_stm32.cloud.secret import Secret
from zoo_stm32.cloud.transport import Reply, Request, Transport

MOST_REDIRECTS: Final = 20
ATTEMPTS_LEFT: Final = re.compile(r"(\d+)\s+attempts?\s+left", re.IGNORECASE)
WRONG_PASSWORD: Final = re.compile(r"wrong\s+password", re.IGNORECASE)
BLOCKED: Final = re.compile(r"exceeded\s+\d+\s+login\s+attempts", re.IGNORECASE)
WEB_HINT: Final = f"Log in once with a browser and see what it asks for, or set {TOKEN_VARIABLE}."


class LoginRefusedError(UserError):
    """Report that the service does not accept a login, and why."""

    def __init__(self, message: str, *, cause: CloudCause, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.cause = cause


def sign_in(limits: Limits, routes: Routes, username: str, password: Secret) -> Token:
    """Return the token for a name and a password. The password is sent once, so that no account gets blocked.

    Raises:
        LoginRefusedError: When the password is wrong or the account blocked.
        CloudError: When the service cannot be reached or its login page is another one.
    """
    browser = Transport(limits, cookies=True)
    browser.protect(password)
    page_url, page = _open_page(browser, routes)
    form = _Form()
    form.feed(page.text)
    if form.action is None or form.ticket is None:
        raise CloudError(
            "The login page of the Developer Cloud has another form than expected.",
            cause=CloudCause.MALFORMED,
            hint=f"Set {TOKEN_VARIABLE} instead of a name and password.",
        )
    target = _onward(routes, page_url, form.action)
    fields: dict[str, str | Secret] = {
        "username": username,
        "password": password,
        "_eventId": "Login",
        "lt": form.ticket,
    }
    answer = browser.send(Request(method="POST", url=target, what="the login", body=form_body(fields)))
    if answer.status == HTTPStatus.OK:
        raise _refusal(answer)
    return _exchange(browser, routes, _code(browser, routes, target, answer))


def refresh(transport: Transport, routes: Routes, token: Token) -> Token | None:
    """Return the token that follows an expired one, or nothing when the service gives none.

    Raises:
        CloudError: When the service cannot be reached.
    """
    if token.refresh is None:
        return None
    transport.protect(token.refresh)
    body = form_body({"refresh_token": token.refresh})
    url = f"{routes.user}/login/refresh"
    answer = transport.send(Request(method="POST", url=url, what="the renewal of the login", body=body))
    if answer.status != HTTPStatus.OK:
        return None
    return parse_token(_json(answer), before=token)


class _Form(HTMLParser):
    """Find the address and the hidden ticket of the first form of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.action: str | None = None
        self.ticket: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of a form and of its field `lt`."""
        values = dict(attrs)
        if tag == "form" and self.action is None:
            self.action = values.get("action")
        elif tag == "input" and values.get("name") == "lt" and self.ticket is None:
            self.ticket = values.get("value")


def _open_page(browser: Transport, routes: Routes) -> tuple[str, Reply]:
    query = urlencode(
        {
            "response_type": "code",
            "client_id": routes.client,
            "scope": "openid",
            "redirect_uri": routes.callback,
            "response_mode": "query",
        }
    )
    url = f"{routes.sso}/as/authorization.oauth2?{query}"
    for _ in range(MOST_REDIRECTS):
        reply = browser.send(Request(method="GET", url=url, what="the login page", repeatable=True))
        if not _is_redirect(reply):
            if reply.status == HTTPStatus.OK:
                return url, reply
            raise _unexpected(f"answered {reply.status} to the login page")
        url = _onward(routes, url, reply.location)
    raise _unexpected("redirects without end")


def _code(browser: Transport, routes: Routes, url: str, reply: Reply) -> Secret:
    for _ in range(MOST_REDIRECTS):
        if not _is_redirect(reply):
            raise _unexpected(f"answered {reply.status} after the login")
        following = urljoin(url, reply.location)
        if following.startswith(routes.callback):
            codes = parse_qs(urlsplit(following).query).get("code")
            if not codes:
                raise _unexpected("gave no code after the login")
            return Secret(codes[0])
        url = _onward(routes, url, reply.location)
        reply = browser.send(Request(method="GET", url=url, what="the login", repeatable=True))
    raise _unexpected("redirects without end")


def _exchange(browser: Transport, routes: Routes, code: Secret) -> Token:
    browser.protect(code)
    body = form_body({"redirect_url": routes.callback, "code": code})
    url = f"{routes.user}/login/callback"
    answer = browser.send(Request(method="POST", url=url, what="the token of the login", body=body))
    token = parse_token(_json(answer)) if answer.status == HTTPStatus.OK else None
    if token is None:
        raise _unexpected(f"answered {answer.status} and gave no token")
    return token


def _refusal(answer: Reply) -> LoginRefusedError | CloudError:
    if BLOCKED.search(answer.text):
        return LoginRefusedError(
            "The Developer Cloud has blocked the account after too many wrong passwords.",
            cause=CloudCause.BLOCKED_ACCOUNT,
            hint="Set a new password with `Forgot password` on my.st.com, then run again.",
        )
    if WRONG_PASSWORD.search(answer.text):
        left = ATTEMPTS_LEFT.search(answer.text)
        count = f" {left[1]} attempts are left before the account is blocked." if left else ""
        return LoginRefusedError(
            f"The Developer Cloud refuses the password.{count}",
            cause=CloudCause.REFUSED_LOGIN,
            hint="Check stmai_username and stmai_password with a browser on my.st.com before you run again.",
        )
    return _unexpected("refuses the login and gives no reason that is understood")


def _unexpected(what: str) -> CloudError:
    return CloudError(f"The login of the Developer Cloud {what}.", cause=CloudCause.MALFORMED, hint=WEB_HINT)


def _onward(routes: Routes, url: str, location: str) -> str:
    """Return the next address of a login; passwords and cookies only go to hosts of the sign-on's own domain."""
    following = urljoin(url, location)
    host, home = urlsplit(following).hostname or "", urlsplit(routes.sso).hostname or ""
    if not location or not is_safe(following) or _domain(host) != _domain(home):
        raise CloudError(
            f"The login leads from {home} to {host or 'nowhere'}, where no password is sent.",
            cause=CloudCause.REDIRECT,
            hint="Set SSO_URL if the sign-on has moved.",
        )
    return following


def _domain(host: str) -> str:
    return host if host.replace(".", "").isdigit() else ".".join(host.split(".")[-2:])


def _is_redirect(reply: Reply) -> bool:
    return HTTPStatus.MULTIPLE_CHOICES <= reply.status < HTTPStatus.BAD_REQUEST


def _json(reply: Reply) -> Mapping[str, Any] | None:
    try:
        value = json.loads(reply.body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
