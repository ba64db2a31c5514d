"""Other libraries for agents, each as its documentation says, in a module of its own, with its telemetry off.

Each is imported in the environment of its library alone.
"""
