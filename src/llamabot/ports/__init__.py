"""The published language: values that cross a port, and the ports themselves.

Imports the standard library and msgspec, nothing else. An author of an adapter reads this folder only.
"""
