"""Decorators of a port: adapters that change what passes through another."""
