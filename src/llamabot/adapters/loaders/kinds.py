"""What a file is: by its first bytes where these are plain, else by its name, else text."""

from __future__ import annotations

from pathlib import PurePath

from llamabot.adapters.loaders.parsed import NotReadable

__all__ = ["is_media", "kind_of"]

_SUFFIXES = {
    ".csv": "csv", ".tsv": "csv",
    ".htm": "html", ".html": "html", ".xhtml": "html",
    ".ipynb": "notebook",
    ".jsonl": "json lines", ".ndjson": "json lines",
    ".markdown": "markdown", ".md": "markdown", ".mdx": "markdown", ".qmd": "markdown", ".rmd": "markdown",
    ".pdf": "pdf",
    ".rst": "rst",
}  # fmt: skip
_LANGUAGES = {
    ".bash": "bash", ".c": "c", ".cc": "c++", ".clj": "clojure", ".cpp": "c++", ".cs": "c#", ".css": "css",
    ".cxx": "c++", ".dart": "dart", ".el": "lisp", ".erl": "erlang", ".ex": "elixir", ".exs": "elixir",
    ".f90": "fortran", ".go": "go", ".h": "c", ".hpp": "c++", ".hs": "haskell", ".java": "java", ".jl": "julia",
    ".js": "javascript", ".jsx": "javascript", ".kt": "kotlin", ".lua": "lua", ".m": "objective-c",
    ".mjs": "javascript", ".ml": "ocaml", ".php": "php", ".pl": "perl", ".ps1": "powershell", ".py": "python",
    ".pyi": "python", ".r": "r", ".rb": "ruby", ".rs": "rust", ".scala": "scala", ".scss": "scss", ".sh": "bash",
    ".sql": "sql", ".swift": "swift", ".ts": "typescript", ".tsx": "typescript", ".vue": "vue", ".zig": "zig",
    ".zsh": "bash",
}  # fmt: skip
_MEDIA = frozenset({
    ".aac", ".avi", ".avif", ".bmp", ".eot", ".flac", ".gif", ".heic", ".icns", ".ico", ".jpeg", ".jpg", ".m4a",
    ".m4v", ".mkv", ".mov", ".mp3", ".mp4", ".mpeg", ".mpg", ".ogg", ".opus", ".otf", ".png", ".psd", ".svg", ".svgz",
    ".tif", ".tiff", ".ttf", ".wav", ".webm", ".webp", ".wma", ".wmv", ".woff", ".woff2",
})  # fmt: skip
_SIGNATURES = (
    (b"PK\x03\x04", "is a zip archive or an office document, which none of the loaders reads"),
    (b"PK\x05\x06", "is an empty zip archive"),
    (b"\xd0\xcf\x11\xe0", "is an old office document; save it as PDF or HTML"),
    (b"{\\rtf", "is rich text; save it as PDF or HTML"),
    (b"\x1f\x8b", "is compressed; unpack it"),
    (b"\x89PNG", "is a picture"),
    (b"\xff\xd8\xff", "is a picture"),
    (b"GIF8", "is a picture"),
    (b"\x7fELF", "is a program"),
    (b"SQLite format 3\0", "is a database"),
)
_HEAD = 1024


def kind_of(name: str, data: bytes) -> str:
    """Return what a file is: a kind that has a reader, a language with a name such as `python`, or `text`.

    Raises:
        NotReadable: its bytes say that it is something else.
    """
    head = data[:_HEAD]
    suffix = PurePath(name).suffix.lower()
    for signature, reason in _SIGNATURES:
        if head.startswith(signature):
            raise NotReadable(reason)
    if b"%PDF-" in head and not head[: head.index(b"%PDF-")].strip(b"\0\t\n\r \xef\xbb\xbf"):
        return "pdf"
    if suffix == ".pdf":
        raise NotReadable("is no PDF, whatever its name says")
    if head.lstrip(b"\xef\xbb\xbf\t\n\r ")[:14].lower().startswith((b"<!doctype html", b"<html")):
        return "html"
    return _SUFFIXES.get(suffix) or _LANGUAGES.get(suffix, "text")


def is_media(name: str) -> bool:
    """Say whether a file is by its name a picture, a sound, a film or a font: there is no text in it to look for."""
    return PurePath(name).suffix.lower() in _MEDIA
