"""Own references to code that is named now and imported only when somebody uses it."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from zoo_core.errors import MissingError, PluginError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LazyRef(Generic[T]):
    """Name an attribute of a module, `package.module:attribute`, without importing it.

    `extra` is what to install when the import fails, for example `zoo-detection[coco]`.
    """

    path: str
    extra: str | None = None

    def __post_init__(self) -> None:
        """Refuse a path that is not `package.module:attribute`.

        Raises:
            ValueError: When the path has another form.
        """
        module, colon, attribute = self.path.partition(":")
        names = [*module.split("."), *attribute.split(".")]
        if not colon or not all(name.isidentifier() for name in names):
            msg = f'"{self.path}" is not of the form "package.module:attribute"'
            raise ValueError(msg)

    @property
    def module(self) -> str:
        """Return the dotted name of the module."""
        return self.path.partition(":")[0]

    def exists(self) -> bool:
        """Tell whether the top-level package can be found, importing nothing."""
        return importlib.util.find_spec(self.module.partition(".")[0]) is not None

    def load(self) -> T:
        """Import the module and return the attribute.

        Raises:
            MissingError: When a package that the module needs is not installed.
            PluginError: When the module or the attribute does not exist, or the import fails.
        """
        module_name, _, attribute = self.path.partition(":")
        try:
            found: Any = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            raise self._missing(error) from error
        except ImportError as error:
            msg = f"{module_name} could not be imported: {error}"
            raise PluginError(msg, hint="Run with --debug to see the traceback.") from error
        try:
            for name in attribute.split("."):
                found = getattr(found, name)
        except AttributeError as error:
            msg = f"{module_name} has no attribute {attribute}"
            raise PluginError(msg, hint="The plugin that names it is broken; report it to its author.") from error
        return cast("T", found)

    def _missing(self, error: ModuleNotFoundError) -> MissingError | PluginError:
        absent = error.name or str(error)
        if self.module == absent or self.module.startswith(f"{absent}."):
            msg = f"{self.path} does not exist: there is no module {absent}"
            return PluginError(msg, hint="The plugin that names it is broken; report it to its author.")
        install = self.extra or absent.partition(".")[0]
        return MissingError(
            f"{self.module} needs {absent}, which is not installed.", hint=f'Install: pip install "{install}"'
        )
