"""A support desk: an application with a domain of its own that embeds LlamaBot. Start with README.md."""
