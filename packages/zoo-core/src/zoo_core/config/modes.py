"""Own operation modes: which services the letters of `chain_tqeb` stand for and which sections they need."""

from __future__ import annotations

from zoo_core.errors import UserError
from zoo_core.names import did_you_mean

CHAIN = "chain_"

SERVICE_OF_LETTER = {
    "t": "training",
    "e": "evaluation",
    "q": "quantization",
    "p": "prediction",
    "b": "benchmarking",
    "d": "deployment",
}
LETTER_OF_MODE = {service: letter for letter, service in SERVICE_OF_LETTER.items()}
MODE_ALIASES = {"deploy": "deployment"}

USUAL_CHAINS = ("chain_tqe", "chain_tqeb", "chain_eqe", "chain_eqeb", "chain_qb", "chain_qd", "chain_tbqeb")

SECTIONS_OF_LETTER = {
    "t": ("dataset", "training"),
    "e": ("dataset",),
    "q": ("quantization",),
    "p": ("dataset",),
    "b": ("benchmarking",),
    "d": ("deployment",),
}


def parse_mode(mode: str) -> str:
    """Return the letters of the services that a mode runs, in order: `chain_tqeb` is `tqeb`.

    Raises:
        UserError: When the mode is neither a service nor `chain_` followed by letters of services.
    """
    mode = MODE_ALIASES.get(mode, mode)
    if mode in LETTER_OF_MODE:
        return LETTER_OF_MODE[mode]
    letters = mode.removeprefix(CHAIN)
    if mode.startswith(CHAIN) and letters and not set(letters) - set(SERVICE_OF_LETTER):
        return letters
    raise UserError(_complaint(mode, letters), hint=_cure(mode))


def required_sections(letters: str) -> tuple[str, ...]:
    """Return the sections that a chain cannot do without, each once."""
    return tuple(dict.fromkeys(section for letter in letters for section in SECTIONS_OF_LETTER[letter]))


def _complaint(mode: str, letters: str) -> str:
    if not mode.startswith(CHAIN):
        return f'there is no operation mode "{mode}".'
    if not letters:
        return f'"{mode}" names no service.'
    unknown = "".join(dict.fromkeys(letter for letter in letters if letter not in SERVICE_OF_LETTER))
    return f'"{mode}" holds {", ".join(unknown)}, which stands for no service.'


def _cure(mode: str) -> str:
    meanings = ", ".join(f"{letter} {service}" for letter, service in SERVICE_OF_LETTER.items())
    near = did_you_mean(mode, [*LETTER_OF_MODE, *USUAL_CHAINS])
    legal = f"Legal are {', '.join(LETTER_OF_MODE)}, and {CHAIN} followed by letters: {meanings}."
    return f"{near} {legal}" if near else legal
