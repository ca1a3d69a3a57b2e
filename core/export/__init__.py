"""A face for game engines: tangent normal maps of displacement, wrinkle maps and the keys' weights on them, visemes."""
