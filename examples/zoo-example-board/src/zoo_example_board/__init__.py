"""Board example_board for zoo, emulated by zoo-stm32."""

__version__ = "0.1.0"
