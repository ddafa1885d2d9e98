"""Own the headers that ST's application projects include: values, families of outputs, templates."""

from __future__ import annotations

from zoo_stm32.headers.families import FAMILIES, Family, find_family
from zoo_stm32.headers.render import render_headers, write_headers
from zoo_stm32.headers.values import HeaderValues, read_values

__all__ = ["FAMILIES", "Family", "HeaderValues", "find_family", "read_values", "render_headers", "write_headers"]
