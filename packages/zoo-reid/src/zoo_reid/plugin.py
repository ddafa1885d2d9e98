"""Own the hooks of zoo-reid; this version declares no component yet."""

zoo_api = 1
