"""Own where a login comes from: environment or a file that only its owner can read."""

from __future__ import annotations

import json
import math
import os
import re
import stat
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from zoo_core.errors import MissingError, UserError
from zoo_stm32.cloud.secret import Secret

TOKEN_VARIABLE: Final = "ZOO_CLOUD_TOKEN"  # noqa: S105 - the name of a variable
USER_VARIABLE: Final = "stmai_username"
PASSWORD_VARIABLE: Final = "stmai_password"  # noqa: S105 - the name of a variable
LEGACY_VARIABLES: Final = ("STM32AI_USERNAME", "STM32AI_PASSWORD")
SENDABLE: Final = re.compile(r"[\x21-\x7e]+")
OWNER_ONLY: Final = 0o600
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
HAS_RIGHTS: Final = os.name == "posix"
MILLISECONDS_FROM: Final = 1e11
MARGIN_S: Final = 30.0

HOW_TO_LOG_IN: Final = (
    f"Set {TOKEN_VARIABLE}, or {USER_VARIABLE} and {PASSWORD_VARIABLE}, in the environment, "
    "or log in once on a terminal; benchmarking.engine: emulator needs no login."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """Hold what a login gives."""

    access: Secret
    refresh: Secret | None = None
    expires_at: float | None = None
    """Seconds since 1970; None is not known."""

    @property
    def expired(self) -> bool:
        """Tell whether the time is over, or nearly so."""
        return self.expires_at is not None and time.time() + MARGIN_S >= self.expires_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Hold what is there to log in with; the first of token, name and password, and file is used."""

    file: Path
    token: Secret | None = None
    username: str | None = None
    password: Secret | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None, *, file: Path | None = None) -> Credentials:
        """Return what the environment holds, and where the file of a login is kept.

        Raises:
            MissingError: When only one of name and password is set, or both under names that nothing reads.
            UserError: When the token holds characters that no token has.
        """
        variables = os.environ if environment is None else environment
        token = Secret(variables.get(TOKEN_VARIABLE, "").strip())
        username = variables.get(USER_VARIABLE, "").strip()
        password = Secret(variables.get(PASSWORD_VARIABLE, ""))
        if token and SENDABLE.fullmatch(token.reveal()) is None:
            raise UserError(f"{TOKEN_VARIABLE} holds spaces or characters that no token has.", hint="Copy it anew.")
        if not token and bool(username) != bool(password):
            absent, present = (PASSWORD_VARIABLE, USER_VARIABLE) if username else (USER_VARIABLE, PASSWORD_VARIABLE)
            raise MissingError(f"{present} is set but {absent} is not.", hint=f"Set both, or {TOKEN_VARIABLE}.")
        kept = file or token_path(variables)
        if not token and not username and not kept.exists() and any(variables.get(name) for name in LEGACY_VARIABLES):
            raise MissingError(
                f"{' and '.join(LEGACY_VARIABLES)} are not what holds the login.",
                hint=f"The names are {USER_VARIABLE} and {PASSWORD_VARIABLE}.",
            )
        return cls(
            file=kept,
            token=token or None,
            username=username or None,
            password=password or None,
        )

    @property
    def can_sign_in(self) -> bool:
        """Tell whether there are a name and a password."""
        return self.username is not None and self.password is not None


def token_path(environment: Mapping[str, str]) -> Path:
    """Return where a login is kept: `zoo/developer_cloud.json` in the user's configuration folder."""
    base = environment.get("XDG_CONFIG_HOME") or (environment.get("APPDATA") if sys.platform == "win32" else None)
    return (Path(base) if base else Path.home() / ".config") / "zoo" / "developer_cloud.json"


def load_token(path: Path) -> Token | None:
    """Return the login kept in a file, or nothing when there is none.

    Raises:
        UserError: When others can read the file, or it holds no login.
    """
    try:
        mode = path.stat().st_mode
        if HAS_RIGHTS and mode & OTHERS:
            raise UserError(
                f"{path} holds a login and other users of this machine have rights to it "
                f"({stat.S_IMODE(mode):04o}); it is not used.",
                hint=f"Run: chmod 600 '{path}'",
            )
        content = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        content = ""
    token = parse_token(_json(content))
    if token is None:
        raise UserError(f"{path} holds no login.", hint="Delete it and log in again.")
    return token


def save_token(path: Path, token: Token) -> None:
    """Keep a login in a file that only its owner can read.

    Raises:
        UserError: When the file cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial.unlink(missing_ok=True)
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(_plain(token), stream)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise UserError(f"The login could not be kept in {path}: {error.strerror}.") from None


def parse_token(answer: Any, before: Token | None = None) -> Token | None:
    """Return the login in an answer of the service; what it does not repeat is taken from the one before."""
    if not isinstance(answer, dict):
        return None
    access, refresh, expires = (answer.get(name) for name in ("access_token", "refresh_token", "expires_at"))
    if not isinstance(access, str) or SENDABLE.fullmatch(access) is None:
        return None
    token = Token(access=Secret(access), refresh=before.refresh if before else None)
    if isinstance(refresh, str) and refresh:
        token = replace(token, refresh=Secret(refresh))
    if isinstance(expires, int | float) and not isinstance(expires, bool) and math.isfinite(expires):
        token = replace(token, expires_at=expires / 1000 if expires > MILLISECONDS_FROM else float(expires))
    return token


def _plain(token: Token) -> dict[str, str | float | None]:
    return {
        "access_token": token.access.reveal(),
        "refresh_token": token.refresh.reveal() if token.refresh else None,
        "expires_at": token.expires_at,
    }


def _json(content: str) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None
