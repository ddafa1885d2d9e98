"""Own the interpreter of numeric expressions: arithmetic is computed, everything else refused, nothing executed."""

from __future__ import annotations

import ast
import math
import operator
import re
import warnings
from collections.abc import Callable, Collection, Mapping
from typing import Any

MAX_LENGTH = 2000
MAX_DEPTH = 100
MAX_BITS = 4096
"""Largest size of a whole number, so that `9**9**9` is refused instead of computed."""

CHARACTERS = re.compile(r"[0-9A-Za-z_.+\-*/%(),\[\]<>=!\s]*")

CONSTANTS: dict[str, float] = {"pi": math.pi, "e": math.e}


def _bits(value: float) -> int:
    return value.bit_length() if isinstance(value, int) else 0


def _power(base: float, exponent: float) -> Any:
    if isinstance(base, int) and isinstance(exponent, int) and abs(base) > 1 and _bits(base) * exponent > MAX_BITS:
        msg = f"the result of {base} ** {exponent} is too large"
        raise ValueError(msg)
    return base**exponent


def _product(left: float, right: float) -> Any:
    if _bits(left) + _bits(right) > MAX_BITS:
        msg = "a product is too large"
        raise ValueError(msg)
    return left * right


def _round(value: float, digits: int | None = None) -> Any:
    if digits is not None and abs(digits) > MAX_DEPTH:
        msg = f"round takes at most {MAX_DEPTH} digits"
        raise ValueError(msg)
    return round(value, digits)


BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: _product,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
}
UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Not: operator.not_,
}
COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "min": min,
    "max": max,
    "abs": abs,
    "round": _round,
    "pow": _power,
    "sqrt": math.sqrt,
    "exp": math.exp,
    "log": math.log,
    "log10": math.log10,
    "log2": math.log2,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "tanh": math.tanh,
    "floor": math.floor,
    "ceil": math.ceil,
}
REFUSED: dict[type[ast.AST], str] = {
    ast.Attribute: "an attribute",
    ast.Subscript: "a subscript",
    ast.ListComp: "a comprehension",
    ast.GeneratorExp: "a comprehension",
    ast.Starred: "a star",
    ast.Is: '"is"',
    ast.IsNot: '"is not"',
    ast.In: '"in"',
    ast.NotIn: '"not in"',
}


def evaluate(text: str, names: Mapping[str, float] | None = None) -> Any:
    """Compute a text such as `1/127.5`, `(224, 224, 3)` or `lr * 0.9 if epoch > 10 else lr`.

    Args:
        text: Numbers, `True`, `False`, `None`, arithmetic, comparisons, `and`, `or`, `not`, conditional
            expressions, tuples, lists, and calls of the functions in `FUNCTIONS`.
        names: Values of the names that may occur beside `pi` and `e`.

    Raises:
        ValueError: When the text holds anything else, or the result does not exist or is too large.
    """
    values = names or {}
    return Expression(text, values).value(values)


class Expression:
    """Hold a text that has been checked once, to be computed for several values of its names."""

    __slots__ = ("_node", "text")

    def __init__(self, text: str, names: Collection[str] = ()) -> None:
        """Check the whole text, including the branches that a given value would not reach.

        Raises:
            ValueError: When the text is not an expression of the kind `evaluate` takes.
        """
        self.text = text.strip()
        self._node = _parse(self.text)
        _check(self._node, frozenset(names), 0)

    def value(self, names: Mapping[str, float] | None = None) -> Any:
        """Compute the expression.

        Raises:
            ValueError: When the result does not exist, as for `1/0`, or is no finite number.
        """
        try:
            return _compute(self._node, names or {})
        except ZeroDivisionError:
            msg = "division by zero"
        except OverflowError:
            msg = "a result is too large"
        except TypeError as error:
            msg = f"the values do not fit together: {error}"
        raise ValueError(msg)


def _parse(text: str) -> ast.expr:
    if not text:
        msg = "it is empty"
        raise ValueError(msg)
    if len(text) > MAX_LENGTH:
        msg = f"it is longer than {MAX_LENGTH} characters"
        raise ValueError(msg)
    if CHARACTERS.fullmatch(text) is None:
        msg = "it is not an expression of numbers"
        raise ValueError(msg)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        msg = "it is not an expression of numbers"
    raise ValueError(msg)


def _check(node: ast.expr, names: frozenset[str], depth: int) -> None:
    if depth > MAX_DEPTH:
        msg = f"it is nested deeper than {MAX_DEPTH} levels"
        raise ValueError(msg)
    match node:
        case ast.Constant(value=bool() | None | int() | float()):
            _bounded(node.value)
        case ast.Name(id=name) if name in names or name in CONSTANTS:
            pass
        case ast.Name(id=name):
            msg = f'the name "{name}" is not known'
            raise ValueError(msg)
        case ast.Call():
            _check_call(node)
        case _ if not _is_operation(node):
            _refuse(node)
    for child in _operands(node):
        _check(child, names, depth + 1)


def _is_operation(node: ast.expr) -> bool:
    match node:
        case ast.BinOp(op=op):
            return type(op) in BINARY
        case ast.UnaryOp(op=op):
            return type(op) in UNARY
        case ast.Compare(ops=ops):
            return all(type(op) in COMPARISONS for op in ops)
    return isinstance(node, ast.BoolOp | ast.IfExp | ast.Tuple | ast.List)


def _operands(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.Call):
        return node.args
    return [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]


def _check_call(node: ast.Call) -> None:
    match node.func:
        case ast.Name(id=name) if name in FUNCTIONS:
            if node.keywords or not node.args:
                msg = f"{name} takes one or more numbers"
                raise ValueError(msg)
            return
        case ast.Name(id=name):
            msg = f'there is no function "{name}"; known are {", ".join(FUNCTIONS)}'
        case ast.Attribute(attr=name) if name in FUNCTIONS:
            msg = f"write {name}(...) without anything before it"
        case _:
            msg = "only a function given by its plain name can be called"
    raise ValueError(msg)


def _refuse(node: ast.expr) -> None:
    if isinstance(node, ast.Attribute) and node.attr in CONSTANTS:
        msg = f"write {node.attr} without anything before it"
        raise ValueError(msg)
    parts = [node, *ast.iter_child_nodes(node)]
    what = next((REFUSED[type(part)] for part in parts if type(part) in REFUSED), "this kind of expression")
    msg = f"{what} is not allowed"
    raise ValueError(msg)


def _compute(node: ast.expr, names: Mapping[str, float]) -> Any:
    value: Any
    match node:
        case ast.Constant():
            value = node.value
        case ast.Name(id=name):
            value = names[name] if name in names else CONSTANTS[name]
        case ast.Tuple(elts=items):
            value = tuple(_compute(item, names) for item in items)
        case ast.List(elts=items):
            value = [_compute(item, names) for item in items]
        case ast.IfExp():
            value = _compute(node.body if _compute(node.test, names) else node.orelse, names)
        case ast.BoolOp(op=op):
            value = _choose(node.values, names, stop_at=isinstance(op, ast.Or))
        case ast.Compare():
            value = _compare(node, names)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            value = not _compute(operand, names)
        case _:
            value = _bounded(_calculate(node, names))
    return value


def _calculate(node: ast.expr, names: Mapping[str, float]) -> Any:
    match node:
        case ast.UnaryOp(op=op, operand=operand):
            return UNARY[type(op)](_number(operand, names))
        case ast.BinOp(op=op, left=left, right=right):
            return BINARY[type(op)](_number(left, names), _number(right, names))
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return FUNCTIONS[name](*(_number(argument, names) for argument in arguments))
    msg = f"{ast.unparse(node)} is not allowed"
    raise ValueError(msg)


def _number(node: ast.expr, names: Mapping[str, float]) -> int | float:
    value = _compute(node, names)
    if not isinstance(value, int | float):
        msg = f"{value!r} is not a number"
        raise ValueError(msg)  # noqa: TRY004 - every refusal of a text is a ValueError
    return value


def _choose(operands: list[ast.expr], names: Mapping[str, float], *, stop_at: bool) -> Any:
    value: Any = None
    for operand in operands:
        value = _compute(operand, names)
        if bool(value) is stop_at:
            break
    return value


def _compare(node: ast.Compare, names: Mapping[str, float]) -> bool:
    left = _compute(node.left, names)
    for op, comparator in zip(node.ops, node.comparators, strict=True):
        right = _compute(comparator, names)
        if not COMPARISONS[type(op)](left, right):
            return False
        left = right
    return True


def _bounded(value: Any) -> Any:
    """Return a finite number of bounded size unchanged."""
    if isinstance(value, int | float | None):
        if isinstance(value, float) and not math.isfinite(value):
            msg = "a result is not a finite number"
            raise ValueError(msg)
        if _bits(value or 0) > MAX_BITS:
            msg = "a result is too large"
            raise ValueError(msg)
        return value
    msg = f"{value} is not a real number"
    raise ValueError(msg)
