"""Own what messages of ST Edge AI Core mean: the cause and the cure in one sentence each, else its last lines.

Messages as printed by versions 2.0 to 4.0 (`E010(InvalidModelError): ...`, `NOT IMPLEMENTED: ...`, `TOOL ERROR: ...`).
"""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass

from zoo_core.errors import MissingError, UserError, ZooError
from zoo_stm32.stedgeai.process import TAIL_LINES, Finished

TOOL = "ST Edge AI Core"

_ASKS = re.compile(r"\by/n\b|\byes/no\b|EOFError|EOF when reading", re.IGNORECASE)
_MAY_ASK = re.compile(r"\baccept|\bagree|licen[cs]e|statistic|press enter", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Rule:
    """Pair a pattern of the tool's output with what it means; `{0}` in the texts is the first group."""

    pattern: re.Pattern[str]
    cause: str
    cure: str
    error: type[ZooError] = UserError


def _rule(pattern: str, cause: str, cure: str, error: type[ZooError] = UserError) -> Rule:
    return Rule(re.compile(pattern, re.IGNORECASE | re.MULTILINE), cause, cure, error)


# The first rule that matches wins: precise ones stand before the general ones.
RULES: tuple[Rule, ...] = (
    _rule(
        r"NOT IMPLEMENTED: Unsupported layer types?:\s*(.+?)\.?$",
        "it does not know these layers of the model: {0}",
        "Keep them out of the exported model (box selection such as NonMaxSuppression belongs to the post-processing), "
        "or choose an architecture without them.",
    ),
    _rule(
        r"wstring_convert|Cannot convert character sequence|Illegal byte sequence",
        "its NPU compiler cannot read a path with letters outside of ASCII",
        "Move the run directory (hydra.run.dir) and the model to a path of plain letters, digits and underscores.",
    ),
    _rule(
        r"No space left on device|disk (?:is )?full|not enough space on the disk",
        "the disk is full",
        "Free space on the disk of the run directory and of the temporary folder, then run again.",
    ),
    _rule(
        r"^(.*licen[cs]e.*(?:expired|not (?:valid|accepted|found)|invalid|missing|denied).*)$",
        "its licence does not allow the run: {0}",
        "Start the program once by hand in a terminal, accept its licence, and run again.",
        MissingError,
    ),
    _rule(
        r"^(.*(?:not enough (?:memory|ram|space)|out of memory|does not fit|cannot be allocated|unable to allocate|"
        r"insufficient memory).*)$",
        "the model does not fit the memory it was given: {0}",
        "Take a smaller model or input size, set tools.stedgeai.optimization: ram, or name a memory pool file with "
        "external memory.",
    ),
    _rule(
        r"Validation on host is not supported",
        "it cannot validate on this computer for boards with a Cortex-M55",
        "Validate on the board (evaluation.target: stedgeai_n6), or use the emulator.",
    ),
    _rule(
        r"E801\(HwIOError\):?\s*(.*)$",
        "the board does not answer: {0}",
        "Flash the validation firmware of this very model, connect the board, close other programs that use its "
        "serial port, and run again.",
    ),
    _rule(
        r"E010\(InvalidModelError\):\s*(.*)$",
        "it refuses the model: {0}",
        "Check that the file opens elsewhere (zoo evaluates it with ONNX Runtime), and export it again with another "
        "opset if it does.",
    ),
    _rule(
        r"E102\(CliArgumentError\):\s*(.*)$",
        "it does not take these options: {0}",
        "Options differ between its versions; compare with `stedgeai --help` of yours.",
    ),
    _rule(
        r"E103\(CliRuntimeError\):\s*(.*)$",
        "one of its own programs failed: {0}",
        "Its log names the program and the layer; the model may hold a layer that the NPU compiler cannot place.",
    ),
    _rule(
        r"(E\d{3}\(\w+\):\s*.*)$",
        "it stopped with {0}",
        "Its documentation lists this code; the log holds all it printed.",
    ),
    _rule(
        r"(NOT IMPLEMENTED:\s*.*)$",
        "it cannot do this yet: {0}",
        "Change the model at the named place, or try a newer version.",
    ),
    _rule(
        r"((?:TOOL|INTERNAL|LOAD) ERROR:\s*.*)$",
        "it stopped with {0}",
        "This is a fault inside the program: try a newer version, or another opset of the model.",
        ZooError,
    ),
)


def explain(output: str) -> tuple[Rule, str] | None:
    """Return the rule that fits a program's output, and the cause in words; nothing when none fits."""
    for rule in RULES:
        match = rule.pattern.search(output)
        if match is not None:
            found = match.group(1).strip() if rule.pattern.groups else ""
            return rule, rule.cause.format(found or "it gives no reason")
    return None


def asks_a_question(finished: Finished) -> bool:
    """Tell whether the program waited for an answer: its last lines ask one, or it met the end of its input."""
    last = finished.tail(3)
    waits = finished.timed_out and _MAY_ASK.search(last) is not None
    return finished.failed and (waits or _ASKS.search(last) is not None)


def question_error(executable: str, finished: Finished) -> MissingError:
    """Return the error for a program that asks something, which nobody can answer here."""
    lines = finished.tail(1)
    return MissingError(
        f"{TOOL} ({executable}) asked a question and nobody could answer: {lines}",
        hint=f"Start `{executable} --version` and one `analyze` by hand in a terminal, answer (licence, statistics), "
        "then run again.",
    )


def failure(what: str, executable: str, finished: Finished, log: str) -> ZooError:
    """Return the one error that tells why a run of the tool failed.

    Args:
        what: What was done, such as `generate for STM32H747I-DISCO`.
        executable: The program.
        finished: How it ended.
        log: Path of its log.
    """
    where = f"All it printed: {log}"
    explained = None if finished.timed_out else explain(finished.output)
    if explained is not None:
        rule, cause = explained
        return rule.error(f"{TOOL} failed ({what}): {cause}", hint=f"{rule.cure} {where}")
    if asks_a_question(finished):
        return question_error(executable, finished)
    last = finished.tail() or "(it printed nothing)"
    title = f"its last {TAIL_LINES} lines:\n{last}"
    if finished.timed_out:
        return ZooError(
            f"{TOOL} ({what}) did not end within {finished.limit_s:g} s and was stopped; {title}",
            hint=f"Try the command, the first line of the log, by hand: it may wait for something. {where}",
        )
    if finished.returncode < 0:
        return ZooError(
            f"{TOOL} ({what}) crashed with {_signal_name(-finished.returncode)}; {title}",
            hint=f"Often too little memory on this computer, or a fault of the program: try a newer version. {where}",
        )
    return ZooError(f"{TOOL} ({what}) ended with exit status {finished.returncode}; {title}", hint=where)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
