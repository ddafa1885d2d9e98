"""Own the use of emx-onnx-cgen: the options it runs with, and its failures in words that name the user's layers."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version

from zoo_core.errors import MissingError, UserError, ZooError
from zoo_stm32.network.csource import ENTRY
from zoo_stm32.network.neutral import NeutralModel
from zoo_stm32.network.support import full_name

PACKAGE = "emx-onnx-cgen"
MESSAGE_LENGTH = 1200
"""Characters of a message of the generator that are shown."""


def generator_version() -> str:
    """Return name and version of the code generator.

    Raises:
        MissingError: When it is not installed.
    """
    try:
        return f"{PACKAGE} {version(PACKAGE)}"
    except PackageNotFoundError as error:
        raise missing() from error


def missing() -> MissingError:
    """Return the error for a code generator that is not installed."""
    msg = f"{PACKAGE}, which turns networks into C, is not installed or not usable."
    return MissingError(msg, hint=f'Install it with: pip install "{PACKAGE}>=1.4,<2"')


def generate_c(neutral: NeutralModel) -> str:
    """Return the C text that emx-onnx-cgen writes for a model, without the values of the weights.

    Weights stay in C, temporaries are locals of the entry function, and pointers may be equal.

    Raises:
        UserError: When it does not support a layer as it is.
        MissingError: When it is not installed.
        ZooError: When it fails in another way.
    """
    try:
        from emx_onnx_cgen import Compiler
        from emx_onnx_cgen.compiler import CompilerOptions
        from emx_onnx_cgen.errors import CompilerError
    except ImportError as error:
        raise missing() from error
    options = CompilerOptions(
        model_name=ENTRY,
        restrict_arrays=False,
        truncate_weights_after=1,
        large_temp_threshold_bytes=0,
        large_weight_threshold=0,
    )
    try:
        text: str = Compiler(options).compile(neutral.model)
    except (CompilerError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise _failure(error, neutral) from error
    return text


def _failure(error: Exception, neutral: NeutralModel) -> ZooError:
    """Explain a failure: a named layer is the user's to change, anything else is to be reported."""
    said = " ".join(str(error).split()) or type(error).__name__
    layer = re.search(r"\bname=(n\d+)\b", said)
    shown = _with_original_names(said, neutral)[:MESSAGE_LENGTH]
    if layer is None or layer.group(1) not in neutral.nodes:
        msg = f"{generator_version()} failed: {type(error).__name__}: {shown}"
        return ZooError(msg, hint="Please report this with the model.")
    node = neutral.nodes[layer.group(1)]
    return UserError(
        f"The layer '{node.name}' ({full_name(node)}) cannot be turned into C. {generator_version()} says: {shown}",
        hint=(
            "Exclude this layer from quantization with quantization.onnx_quant_parameters.nodes_to_exclude, "
            "or replace it in the model."
        ),
    )


def _with_original_names(said: str, neutral: NeutralModel) -> str:
    """Put the names that the user knows in place of the neutral ones."""

    def original(match: re.Match[str]) -> str:
        word = match.group()
        if word in neutral.nodes:
            return f"'{neutral.nodes[word].name}'"
        return f"'{neutral.names[word]}'" if word in neutral.names else word

    return re.sub(r"\b[ntc]\d+\b", original, said)
