"""The demo's own parts: reading a text, and choosing the excerpts that answer a question."""
