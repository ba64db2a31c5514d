"""The desk's tests: offline, with LlamaBot's testing kit."""
