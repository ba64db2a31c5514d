"""Secrets: keys, auth headers and credentials in addresses, kept apart from everything that is stored or shown.

`split_secrets` takes options as a user writes them and returns two trees of the same shape: what may be seen, and
what may not. The first goes into a `CompletionRequest`; the second is bound to an adapter by `with_secrets`, and the
adapter puts the two together again with `Secrets.merged_into` at the moment of the call.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit, urlunsplit

from llamabot.ports.errors import ConfigurationError

__all__ = ["HIDDEN", "NO_SECRETS", "Secret", "Secrets", "is_secret_name", "split_secrets"]

HIDDEN = "[secret]"
_NOT_PICKLED = (
    "keys are not pickled, for a pickle may be written to a disk: give the other process its key by the environment "
    "(the provider's variable, or LLAMABOT_WIRE_KEY), or make there what needs the key"
)
_HIDDEN_WHOLE: Any = object()

_SECRET_ENDINGS = frozenset(
    {
        "apikey",
        "auth",
        "authorization",
        "bearer",
        "cookie",
        "credential",
        "credentials",
        "jwt",
        "key",
        "keys",
        "pass",
        "passphrase",
        "passwd",
        "password",
        "passwords",
        "pwd",
        "token",
    }
)
_SECRET_WORDS = frozenset({"secret", "secrets"})
_NOT_SECRET = frozenset({"prompt_cache_key", "cache_key"})
_ADDRESS = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")
_CREDENTIALS_AND_HOST = re.compile(r"[^\s/@:]+:[^\s/@]+@(\S+)")
_USERINFO = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*://)?([^\s/@]+)@\S")
_AUTH_HEADER = re.compile(
    r"(?:[\w-]*authorization:\s*)?bearer\s+\S{8,}|[\w-]*authorization:\s*\w+\s+\S{8,}", re.IGNORECASE
)
_SCHEME_AND_CREDENTIALS = re.compile(r"[A-Za-z][\w-]*\s+\S{8,}")
_CAMEL_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class Secret:
    """A string that shows itself only to who calls `reveal`."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the string itself."""
        return self._value

    def __repr__(self) -> str:
        return "Secret()"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> Any:
        raise ConfigurationError(_NOT_PICKLED)

    def __deepcopy__(self, memo: Any) -> Secret:
        return self


class Secrets:
    """The secret part of some options. Empty is false."""

    __slots__ = ("_tree",)

    def __init__(self, tree: Mapping[str, Any] | None = None) -> None:
        self._tree = dict(tree or {})

    def __bool__(self) -> bool:
        return bool(self._tree)

    def __repr__(self) -> str:
        return f"Secrets({', '.join(sorted(self._tree))})"

    def __reduce__(self) -> Any:
        if not self._tree:  # of a bot without keys, which may be pickled
            return Secrets, ()
        raise ConfigurationError(f"{_NOT_PICKLED} ({', '.join(map(str, self._tree))})")

    def __deepcopy__(self, memo: Any) -> Secrets:
        return self  # nothing in it changes

    def without(self, names: Iterable[str]) -> Secrets:
        """Return the secrets of all options but these."""
        dropped = set(names)
        return Secrets({name: value for name, value in self._tree.items() if name not in dropped})

    def __or__(self, other: Secrets) -> Secrets:
        return Secrets({**self._tree, **other._tree})

    def merged_into(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options as the user wrote them, secrets in their places."""
        whole: dict[str, Any] = _merged(options, self._tree)
        return whole

    def scrubbed(self, text: str) -> str:
        """Return the text with every secret replaced by `[secret]`, also as an address or base64 would have it."""
        values = {value.strip() for value in _leaves(self._tree)}
        forms = {form for value in values if len(value) >= _SHORTEST_SCRUBBED for form in _forms(value)}
        for form in sorted(forms, key=len, reverse=True):
            text = text.replace(form, HIDDEN)
        return text

    def scrub(self, error: BaseException) -> None:
        """Replace every secret in the message of an error and of those it came from; cut off those that keep one."""
        if self._tree:
            self._scrub(error, {id(error)})

    def _scrub(self, error: BaseException, seen: set[int]) -> bool:
        """Scrub an error and what it came from; say whether its own message is clean now."""
        error.args = tuple(self.scrubbed(part) if isinstance(part, str) else part for part in error.args)
        for link in ("__cause__", "__context__"):
            origin = getattr(error, link)
            if origin is None or id(origin) in seen:
                continue
            seen.add(id(origin))
            if not self._scrub(origin, seen):
                setattr(error, link, None)
        told = "\n".join([str(error), *getattr(error, "__notes__", ())])
        return self.scrubbed(told) == told


_SHORTEST_SCRUBBED = 4
NO_SECRETS = Secrets()


def split_secrets(options: Mapping[str, Any]) -> tuple[dict[str, Any], Secrets]:
    """Part options into what may be seen and what may not.

    Secret are, at any depth: a value of type `Secret`; text under a name that says so (`api_key`, `clientSecret`,
    `Authorization`, …), alone, in a list, or as the second of a tuple of two; text that is an auth header, and among
    headers also one that looks like it (`X-Team: Token …`); an address with credentials or a query, of which the rest
    stays visible. Bytes count as text.

    Raises:
        ConfigurationError: they are nested too deeply.
    """
    try:
        visible, hidden = _split_mapping(options)
    except RecursionError as error:
        raise ConfigurationError("options= is nested too deeply, or holds itself") from error
    return visible, Secrets(hidden)


def _split_mapping(options: Mapping[str, Any], *, of_headers: bool = False) -> tuple[dict[str, Any], dict[Any, Any]]:
    visible: dict[str, Any] = {}
    hidden: dict[Any, Any] = {}
    for name, value in options.items():
        secret = is_secret_name(name) or (of_headers and _looks_like_credentials(value))
        shown, kept = _split(value, secret=secret, of_headers=str(name).endswith("headers"))
        if kept is not None:
            hidden[name] = kept
        if shown is not _HIDDEN_WHOLE:
            visible[name] = shown
    return visible, hidden


def _split(value: Any, *, secret: bool, of_headers: bool = False) -> tuple[Any, Any]:
    """Return what of a value may be seen and what is kept, None if nothing is."""
    if isinstance(value, Secret):
        return _HIDDEN_WHOLE, value
    if isinstance(value, Mapping):
        visible, hidden = _split_mapping(value, of_headers=of_headers)
        return visible, hidden or None
    if isinstance(value, list | tuple):
        return _split_sequence(value, secret=secret)
    if isinstance(value, bytes) and (secret or _is_telling(value.decode("latin-1"))):
        return _HIDDEN_WHOLE, Secret(value.decode("latin-1"))
    if not isinstance(value, str):
        return value, None
    if secret or _AUTH_HEADER.fullmatch(value):
        return _HIDDEN_WHOLE, Secret(value)
    shown = _without_credentials(value)
    return (value, None) if shown == value else (shown, Secret(value))


def _split_sequence(values: list[Any] | tuple[Any, ...], *, secret: bool) -> tuple[Any, dict[int, Any] | None]:
    names_next = isinstance(values, tuple) and len(values) == 2 and is_secret_name(values[0])
    parts = [_split(value, secret=secret or (names_next and index == 1)) for index, value in enumerate(values)]
    visible = [HIDDEN if shown is _HIDDEN_WHOLE else shown for shown, _ in parts]
    hidden = {index: kept for index, (_, kept) in enumerate(parts) if kept is not None}
    return (tuple(visible) if isinstance(values, tuple) else visible), hidden or None


def _looks_like_credentials(value: Any) -> bool:
    return isinstance(value, str) and _SCHEME_AND_CREDENTIALS.fullmatch(value) is not None


def _is_telling(text: str) -> bool:
    return bool(_AUTH_HEADER.fullmatch(text)) or _without_credentials(text) != text


def is_secret_name(name: Any) -> bool:
    """Say whether what goes by this name is meant to be secret."""
    if isinstance(name, bytes):
        name = name.decode("latin-1")
    if not isinstance(name, str) or name in _NOT_SECRET:
        return False
    words = _CAMEL_HUMP.sub("_", name).lower().replace("-", "_").split("_")
    return words[-1] in _SECRET_ENDINGS or not _SECRET_WORDS.isdisjoint(words)


def _without_credentials(value: str) -> str:
    if not _ADDRESS.match(value):
        host = _CREDENTIALS_AND_HOST.fullmatch(value)
        return host[1] if host else value
    try:
        parts = urlsplit(value)
    except ValueError:
        return HIDDEN
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _merged(visible: Any, hidden: Any) -> Any:
    if isinstance(hidden, Secret):
        return hidden.reveal()
    if isinstance(visible, list | tuple):
        whole = [_merged(value, hidden[index]) if index in hidden else value for index, value in enumerate(visible)]
        return tuple(whole) if isinstance(visible, tuple) else whole
    return {**visible, **{name: _merged(visible.get(name, {}), kept) for name, kept in hidden.items()}}


def _leaves(tree: Mapping[Any, Any]) -> Iterator[str]:
    for value in tree.values():
        if isinstance(value, Secret):
            yield value.reveal()
            yield from _credentials(value.reveal())
        else:
            yield from _leaves(value)


def _forms(value: str) -> Iterator[str]:
    """Yield how a secret may be written by whoever repeats it."""
    yield value
    yield repr(value)[1:-1]
    yield quote(value, safe="", errors="surrogatepass")
    yield base64.b64encode(value.encode("utf-8", "surrogatepass")).decode()


def _credentials(value: str) -> Iterator[str]:
    """Yield what is secret inside of a header, a cookie or an address."""
    *scheme, rest = value.split()[-2:] or [""]
    if scheme and scheme[0].lower() in ("basic", "bearer", "token"):
        yield rest
    for pair in value.split(";"):
        name, is_pair, rest = pair.strip().partition("=")
        if is_pair and name.replace("-", "_").isidentifier():
            yield rest
    userinfo = _USERINFO.match(value)
    if userinfo:
        # A name without a password is a token.
        secret = userinfo[1].partition(":")[2] or userinfo[1]
        yield from (secret, unquote(secret))
    if _ADDRESS.match(value):
        query = value.partition("?")[2]
        yield from (query, *(text for _, text in parse_qsl(query)))
