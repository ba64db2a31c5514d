"""The composition root: container, settings, command line."""
