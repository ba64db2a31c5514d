"""Servers that speak OpenAI's chat-completions wire, asked directly."""
