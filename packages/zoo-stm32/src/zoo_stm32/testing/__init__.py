"""Own stand-ins for ST's tools, for tests of zoo-stm32 and of plugins."""
