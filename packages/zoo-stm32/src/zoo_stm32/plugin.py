"""Own the hooks of zoo-stm32; this version declares no component yet."""

zoo_api = 1
