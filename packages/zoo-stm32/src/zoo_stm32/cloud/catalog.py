"""Own what the service offers: boards of its farm and versions of the tool."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from zoo_core.errors import UserError
from zoo_core.names import did_you_mean
from zoo_stm32.cloud.answers import Part, text_or_empty, whole_or_none
from zoo_stm32.cloud.errors import ChangedServiceError, CloudCause, CloudError
from zoo_stm32.cloud.session import Session
from zoo_stm32.cloud.transport import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudBoard:
    """Describe a board of the farm."""

    name: str
    count: int | None = None
    """How many of it there are; None is not reported."""
    flash: str = ""
    cpu: str = ""
    device: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolVersion:
    """Describe a version of ST Edge AI Core on the service."""

    version: str
    """Version in addresses and requests."""
    latest: bool
    platforms: tuple[tuple[str, str], ...] = ()
    """Version of each platform's own part, such as `stm32` or `stm32mpu`."""

    def is_called(self, name: str, platform: str) -> bool:
        """Tell whether a user means this version."""
        return name in {self.version, dict(self.platforms).get(platform)}


def list_boards(session: Session) -> tuple[CloudBoard, ...]:
    """Return the boards of the farm.

    Raises:
        CloudError: When the service does not say.
    """
    what = "the list of boards"
    url = f"{session.routes.benchmark}/boards"
    reply = session.send(Request(method="GET", url=url, what=what, repeatable=True))
    listed = session.read_object(reply, what)
    return tuple(_board(name, Part(entry, f"boards.{name}")) for name, entry in sorted(listed.items()))


def choose_board(boards: Sequence[CloudBoard], name: str) -> CloudBoard:
    """Return the board of a name, whatever its case.

    Raises:
        UserError: When there is none, naming those that are near.
        CloudError: When the farm has none connected.
    """
    for board in boards:
        if same_name(board.name, name):
            if board.count == 0:
                raise CloudError(
                    f"The Developer Cloud has no {board.name} connected at the moment.",
                    cause=CloudCause.BUSY,
                    hint="Try again later or choose another board.",
                )
            return board
    names = [board.name for board in boards]
    near = did_you_mean(name, names)
    raise UserError(
        f"The Developer Cloud has no board {name}.", hint=near or f"It has {', '.join(names) or 'none at all'}."
    )


def list_versions(session: Session, *, attempts: int | None = None, limit: float | None = None) -> list[ToolVersion]:
    """Return the versions of the tool; needs no login.

    Raises:
        CloudError: When the service does not say.
    """
    what = "the list of versions"
    request = Request(
        method="GET", url=session.routes.versions, what=what, repeatable=True, attempts=attempts, limit=limit
    )
    listed = session.read(session.send_open(request), what)
    return [_version(part) for part in Part(listed, "versions").items()]


def choose_version(versions: Sequence[ToolVersion], wanted: str | None, platform: str) -> tuple[str, str | None]:
    """Return the version that a user names, else the latest, and a note when it is not the one named.

    Raises:
        CloudError: When the service offers no version.
    """
    named = [version for version in versions if wanted and version.is_called(wanted, platform)]
    chosen = named or [version for version in versions if version.latest] or list(versions[-1:])
    if not chosen:
        raise ChangedServiceError("The Developer Cloud offers no version of the tool.")
    version = chosen[0].version
    if wanted and not named:
        offered = ", ".join(offer.version for offer in versions)
        return version, f"Version {wanted} is not offered by the Developer Cloud ({offered}); {version} was used."
    return version, None


def same_name(one: str, other: str) -> bool:
    """Tell whether two names mean the same board: case and separators do not count."""
    return _plain(one) == _plain(other)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _board(name: str, part: Part) -> CloudBoard:
    return CloudBoard(
        name=name,
        count=whole_or_none(part.find("boardCount")),
        flash=text_or_empty(part.find("flashSize")),
        cpu=text_or_empty(part.find("deviceCpu")),
        device=text_or_empty(part.find("deviceId")),
    )


def _version(part: Part) -> ToolVersion:
    latest, platforms = part.find("isLatest"), part.find("platform")
    named: dict[str, Any] = platforms.value if platforms is not None and isinstance(platforms.value, dict) else {}
    return ToolVersion(
        version=part.at("version").text(),
        latest=latest is not None and latest.value is True,
        platforms=tuple((str(name), str(value)) for name, value in named.items()),
    )
