"""Own the way from a file, or from a saved run, to one immutable configuration; the only way there is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from zoo_core.config.check import Checker
from zoo_core.config.compose import Composed, compose, compose_saved
from zoo_core.config.dialects import rewrite
from zoo_core.config.dialects.moves import is_nothing
from zoo_core.config.modes import parse_mode
from zoo_core.config.places import Places
from zoo_core.config.resumed import take_checkpoint
from zoo_core.config.rules import broken_rules
from zoo_core.config.section_types import section_types
from zoo_core.config.sections import RunConfig
from zoo_core.config.select import Choice, Selection, select
from zoo_core.config.stored_model import stored_keys
from zoo_core.errors import ConfigError, ConfigIssue, UserError

if TYPE_CHECKING:
    from zoo_core.plugins.catalog import Catalog

MODE = "operation_mode"
TRAINING = "t"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedConfig:
    """Hold a checked configuration with the components it chose and what the user should know about it."""

    config: RunConfig
    selection: Selection
    letters: str
    """Services of the operation mode, in order."""
    notes: tuple[str, ...]
    """What was read otherwise than it was written."""
    warnings: tuple[str, ...]
    composed: Composed
    places: Places
    catalog: Catalog


def load_config(path: Path, overrides: Sequence[str] = (), *, catalog: Catalog) -> LoadedConfig:
    """Read and check a configuration file; nothing else is read and nothing is created.

    Args:
        path: The YAML file.
        overrides: Arguments in Hydra's grammar, such as `training.epochs=10`.
        catalog: The installed components.

    Raises:
        ConfigError: With every problem of the file at once.
        PluginError: When the configuration class of a chosen component cannot be imported.
        MissingError: When that class needs a package that is not installed.
    """
    return _load(compose(path, overrides), catalog)


def reload_config(
    canonical: Mapping[str, Any], base_dir: Path, overrides: Sequence[str] = (), *, catalog: Catalog
) -> LoadedConfig:
    """Check a configuration that a run has saved, with new overrides.

    Args:
        canonical: What `RunConfig.canonical` returned.
        base_dir: Folder of the file that the run was started from.
        overrides: Arguments in Hydra's grammar; their relative paths refer to the current directory.
        catalog: The installed components.

    Raises:
        ConfigError: With every problem at once.
        PluginError: When the configuration class of a chosen component cannot be imported.
        MissingError: When that class needs a package that is not installed.
    """
    return _load(compose_saved(canonical, base_dir, overrides), catalog)


def load_sections(
    path: Path, overrides: Sequence[str], names: Sequence[str], *, catalog: Catalog
) -> dict[str, BaseModel]:
    """Read and check some sections of a file as for a training, whatever is wrong with its other sections.

    Raises:
        ConfigError: With every problem of these sections at once.
    """
    composed = compose(path, overrides)
    data, moves = rewrite(composed.data)
    places = Places(composed.origins, moves, composed.base_dir, composed.file)
    _, resuming = take_checkpoint(data, catalog, places)
    choice = select(data, TRAINING, catalog, places)
    checker = Checker(types=section_types(choice), letters=TRAINING, places=places)
    checker.check({name: data[name] for name in names if name in data})
    sections = {name: checker.sections[name] for name in names if name in checker.sections}
    found = [*composed.issues, *places.located(moves.issues), *resuming, *checker.issues]
    issues = [issue for issue in found if issue.key.split(".")[0] in names]
    issues += broken_rules(sections, TRAINING, places)
    if issues:
        raise ConfigError(_in_order(issues, composed))
    return sections


def _load(composed: Composed, catalog: Catalog) -> LoadedConfig:
    data, moves = rewrite(composed.data)
    places = Places(composed.origins, moves, composed.base_dir, composed.file)
    notes, issues = take_checkpoint(data, catalog, places)
    issues += [*composed.issues, *places.located(moves.issues)]
    letters = _letters(data.get(MODE), places, issues)
    choice = select(data, letters, catalog, places)
    _take_names(data, choice)
    _take_structure(data, choice, places)
    use_case = choice.task.spec.name if choice.task else None
    checker = Checker(types=section_types(choice), letters=letters, places=places, use_case=use_case)
    checker.check(data)
    issues += [*choice.issues, *checker.issues, *broken_rules(checker.sections, letters, places)]
    if issues or choice.task is None:
        raise ConfigError(_in_order(issues, composed))
    config = RunConfig.model_validate({MODE: data[MODE], "use_case": use_case, **checker.sections})
    return LoadedConfig(
        config=config,
        selection=choice.selection(choice.task),
        letters=letters,
        notes=(*composed.notes, *moves.notes, *notes, *choice.notes),
        warnings=tuple(choice.warnings),
        composed=composed,
        places=places,
        catalog=catalog,
    )


def _letters(mode: Any, places: Places, issues: list[ConfigIssue]) -> str:
    try:
        return parse_mode("" if is_nothing(mode) else str(mode))
    except UserError as error:
        missing = "the key is missing; it names the services to run"
        issues.append(places.issue(MODE, missing if is_nothing(mode) else error.message, error.hint))
    return ""


def _take_names(data: dict[str, Any], choice: Choice) -> None:
    """Write the chosen model's own name into the configuration, in place of an alias or of nothing."""
    section = data.setdefault("model", {}) or {}
    model = choice.model
    if model is None or not isinstance(section, dict):
        return
    labels = {label.casefold() for label in (model.spec.name, *model.spec.aliases)}
    own = model.spec.name if model.name.casefold() in labels else model.name  # else a member of a family
    written = section.get("model_name")
    if written != own and "/" not in str(written):
        data["model"] = {**section, "model_name": own}
        if own != model.name:
            choice.notes.append(f"model {model.name} stands for {own}")


def _take_structure(data: dict[str, Any], choice: Choice, places: Places) -> None:
    """Write into the configuration what the weights say of their network and the file does not."""
    if choice.model is None:
        return
    told = stored_keys(data, choice.model, places)
    if told:
        data["model"] = {**data["model"], **told}
        text = ", ".join(f"{key} {value}" for key, value in told.items())
        choice.notes.append(f"the weights were trained with {text} in the section model")


def _in_order(issues: Iterable[ConfigIssue], composed: Composed) -> list[ConfigIssue]:
    """Return the issues in the order of the file's lines, then those without a line.

    What follows only from a reference that could not be resolved is left out.
    """
    unresolved = {issue.key for issue in composed.issues}
    kept = dict.fromkeys(
        issue
        for issue in issues
        if issue in composed.issues or not any(f"{key}.".startswith(f"{issue.key}.") for key in unresolved)
    )
    main = str(composed.file)
    return sorted(kept, key=lambda issue: (issue.line is None, issue.file != main, issue.file or "", issue.line or 0))
