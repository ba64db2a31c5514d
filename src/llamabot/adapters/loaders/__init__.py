"""Files become documents: text, Markdown, HTML, PDF, reStructuredText, code, notebooks, rows of JSON lines and CSV."""

from llamabot.adapters.loaders.files import FileLoader

__all__ = ["FileLoader"]
