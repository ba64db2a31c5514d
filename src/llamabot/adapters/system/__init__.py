"""The machine itself: its clock and its randomness, from the standard library."""
