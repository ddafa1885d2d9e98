"""Own the hooks of zoo-pose; this version declares no component yet."""

zoo_api = 1
