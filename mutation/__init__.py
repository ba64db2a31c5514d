"""Break the domain on purpose, one small change at a time, and see which the tests notice: `make mutation`.

The changes are mutmut's. Its own way to run them is not taken (ADR 0014): here the tests are collected once, in a
process that runs none; for each change a fork of it puts the changed function in and runs the tests that reach it.
"""
