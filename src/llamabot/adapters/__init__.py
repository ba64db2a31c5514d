"""Adapters: one folder a vendor. They import `ports` and their vendor, never each other or the domain."""
