"""Own the use of Hydra for one file: loading, the files of the defaults list, and plain words for its complaints."""

from __future__ import annotations

import re
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from zoo_core.config.compose.overrides import Override
from zoo_core.config.issues import make_issue
from zoo_core.config.origins import COMMAND_LINE, Origins, Place
from zoo_core.config.yaml_file import YamlFile, read_yaml
from zoo_core.errors import ConfigError, ConfigIssue
from zoo_core.names import did_you_mean

FULL_KEY = re.compile(r"full_key: (\S+)")
ABSENT_KEY = re.compile(r"Key '(\w+)' not in '(?:Hydra|Run|Job)\w*'")
JOB_NAME = "zoo"


@contextmanager
def open_session(main: YamlFile) -> Iterator[Session]:
    """Set Hydra up for a file and take it down again, leaving another user of Hydra in this process alone."""
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    other: Any = GlobalHydra.instance().hydra

    def put_back() -> None:
        GlobalHydra.instance().hydra = other

    with ExitStack() as stack:
        stack.callback(put_back)
        GlobalHydra.instance().hydra = None
        directory = main.path.absolute().parent
        search: tuple[str, ...] = ()
        if main.path.suffix != ".yaml":  # Hydra reads no other
            search = _search_path(main)
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            shutil.copyfile(main.path, directory / f"{main.path.stem}.yaml")
        stack.enter_context(initialize_config_dir(config_dir=str(directory), version_base=None, job_name=JOB_NAME))
        yield Session(main=main, search=search)


def _search_path(main: YamlFile) -> tuple[str, ...]:
    """Return an override that makes Hydra look for groups beside the file, after what the file itself asks for."""
    from omegaconf import OmegaConf

    asked = OmegaConf.select(OmegaConf.create(main.text), "hydra.searchpath") or []
    folders = ", ".join(f"'{folder}'" for folder in [*asked, f"file://{main.path.absolute().parent}"])
    return (f"hydra.searchpath=[{folders}]",)


def _faults() -> tuple[type[Exception], ...]:
    """Return what Hydra raises for a file that it cannot compose, including what slips through it."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    slips = (ValueError, TypeError, AttributeError, AssertionError)
    return (HydraException, OmegaConfBaseException, yaml.YAMLError, OSError, *slips)


@dataclass(slots=True)
class Session:
    """Compose one file, in several attempts where an override is at fault."""

    main: YamlFile
    search: tuple[str, ...] = ()
    folders: tuple[Path, ...] = ()
    """Where the files of groups were found."""
    issues: list[ConfigIssue] = field(default_factory=list)

    def compose(self, overrides: Sequence[Override]) -> tuple[Any, list[Override]]:
        """Return Hydra's configuration and the overrides that could be applied.

        Raises:
            ConfigError: When the file cannot be composed even without overrides.
        """
        faults = _faults()
        working = list(overrides)
        try:
            return self._load(working), working
        except faults:
            working = []
        try:
            config = self._load([])
        except faults as error:
            raise ConfigError([self._explain(error)]) from error
        for override in overrides:
            try:
                config = self._load([*working, override])
                working.append(override)
            except faults as error:
                message, hint = _plain(error)
                self.issues.append(make_issue(override.key, message, Place(COMMAND_LINE), hint=hint))
        return config, working

    def _load(self, overrides: Sequence[Override]) -> Any:
        from hydra import compose

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            arguments = [*self.search, *(override.hydra for override in overrides)]
            config = compose(self.main.path.stem, overrides=arguments, return_hydra_config=True)
        for warning in caught:
            issue = self._issue("hydra.searchpath", " ".join(str(warning.message).split()), None)
            if issue not in self.issues:
                self.issues.append(issue)
        sources = config.hydra.runtime.config_sources
        self.folders = tuple(Path(source.path) for source in sources if source.schema == "file")
        return config

    def origins(self, overrides: Sequence[Override]) -> Origins:
        """Return where every key stands: the files of the defaults list in their order, then the overrides."""
        origins = Origins()
        if "defaults" in self.main.top_level() or any(override.group for override in overrides):
            for file, package in self._files(overrides):
                origins.add_file(file.path, file.lines, package)
        else:
            origins.add_file(self.main.path, self.main.lines)
        for override in overrides:
            if not override.group and not override.deletes:
                origins.add_override(override.key, Path.cwd())
        return origins

    def _files(self, overrides: Sequence[Override]) -> Iterator[tuple[YamlFile, str]]:
        from hydra.core.global_hydra import GlobalHydra
        from hydra.types import RunMode

        loader: Any = GlobalHydra.instance().config_loader()
        arguments = [*self.search, *(override.hydra for override in overrides)]
        found = loader.compute_defaults_list(self.main.path.stem, arguments, RunMode.RUN)
        for default in found.defaults:
            if default.primary or default.config_path == self.main.path.stem:
                yield self.main, default.package or ""
                continue
            candidates = (folder / f"{default.config_path}.yaml" for folder in self.folders)
            if file := next((path for path in candidates if path.is_file()), None):
                yield read_yaml(file), default.package or ""

    def _explain(self, error: Exception) -> ConfigIssue:
        if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
            mark = error.problem_mark
            text = f"this is not YAML: {error.problem}"
            return make_issue("file", text, Place(str(mark.name), mark.line + 1))
        text = f"{error} {error.__cause__}"
        if absent := ABSENT_KEY.search(text):
            key = _full_key(text) or f"hydra.{absent[1]}"
            message = "Hydra has no such setting"
            return self._issue(key, message, "Of the hydra section only run.dir and searchpath are used.")
        if "not a subclass of" in text or "HydraConf" in text or isinstance(error, AttributeError):
            return self._issue(
                _full_key(text) or "hydra", "Hydra cannot use this value; expected run: {dir: ...}", None
            )
        message, hint = _plain(error)
        return self._issue(_full_key(text) or "defaults", message, hint)

    def _issue(self, key: str, message: str, hint: str | None) -> ConfigIssue:
        line = self.main.lines.get(key, self.main.lines.get(key.partition(".")[0]))
        return make_issue(key, message, Place(str(self.main.path), line), hint=hint)


def _full_key(text: str) -> str | None:
    match = FULL_KEY.search(text)
    return match[1] if match else None


def _plain(error: Exception) -> tuple[str, str | None]:
    """Return the first sentence of an exception of Hydra, and a cure where the names are known."""
    missing = getattr(error, "missing_cfg_file", None)
    if missing:
        options = getattr(error, "options", None) or ()
        near = did_you_mean(str(missing).rpartition("/")[2], options)
        listed = f"Legal are {', '.join(options)}." if options else None
        return f"the defaults list names {missing}, which does not exist", near or listed
    text = str(error) or str(error.__cause__)
    first = text.strip().partition("\n\n")[0].partition("full_key:")[0]
    return " ".join(first.split()) or type(error).__name__, None
