"""Servers of ours that tests talk to over loopback."""
