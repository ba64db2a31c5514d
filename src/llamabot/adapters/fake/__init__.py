"""Fakes: ports for tests, offline and without patching. They pass the same contracts as the real ones."""
