"""Own the client of the ST Edge AI Developer Cloud."""

from __future__ import annotations

from zoo_stm32.cloud.catalog import CloudBoard
from zoo_stm32.cloud.client import CloudClient
from zoo_stm32.cloud.credentials import Credentials
from zoo_stm32.cloud.errors import CloudCause, CloudError
from zoo_stm32.cloud.files import RemoteModel
from zoo_stm32.cloud.jobs import JobFailedError
from zoo_stm32.cloud.limits import Limits
from zoo_stm32.cloud.login import LoginRefusedError
from zoo_stm32.cloud.parameters import CloudOptions
from zoo_stm32.cloud.routes import Routes

__all__ = [
    "CloudBoard",
    "CloudCause",
    "CloudClient",
    "CloudError",
    "CloudOptions",
    "Credentials",
    "JobFailedError",
    "Limits",
    "LoginRefusedError",
    "RemoteModel",
    "Routes",
]
