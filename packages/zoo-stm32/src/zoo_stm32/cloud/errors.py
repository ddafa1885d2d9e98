"""Own the error of a cloud service that did not do what was asked, and the kinds of causes."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from zoo_core.errors import ZooError

CHANGED_HINT: Final = "The service may have changed: zoo-stm32 was written for ST Edge AI Core 2.x to 4.x on it."


class CloudCause(StrEnum):
    """Name what stopped a request or a job."""

    UNREACHABLE = "unreachable"
    CERTIFICATE = "certificate not trusted"
    TIMEOUT = "time limit"
    REFUSED_LOGIN = "login refused"
    BLOCKED_ACCOUNT = "account blocked"
    EXPIRED = "login expired"
    FORBIDDEN = "access refused"
    NOT_FOUND = "address not found"
    REJECTED = "request rejected"
    BUSY = "too many requests"
    SERVER = "server error"
    REDIRECT = "redirected elsewhere"
    MALFORMED = "answer not understood"
    SCHEMA = "result of an unknown form"
    DAMAGED = "damaged download"
    JOB = "job failed"


class CloudError(ZooError):
    """Report that the Developer Cloud failed: what was asked, what came back, what to do."""

    def __init__(self, message: str, *, cause: CloudCause, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.cause = cause


class ChangedServiceError(CloudError):
    """Report an answer that has another form than the one zoo-stm32 was written for."""

    def __init__(self, message: str) -> None:
        super().__init__(message, cause=CloudCause.SCHEMA, hint=CHANGED_HINT)
