"""Own the hooks of zoo-detection; this version declares no component yet."""

zoo_api = 1
