"""What atheris calls with bytes of its own making."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["llamabot.protocols", "llamabot.ports.assembly"]):
    from tests.fuzz.grammar import stream_of
    from tests.fuzz.laws import check_answer, check_events

_CUTS = 4


def one_stream(data: bytes) -> None:
    """Check the laws; the first bytes say where the stream is cut."""
    cuts, stream = data[:_CUTS], stream_of(data[_CUTS:])
    try:
        check_events(stream, cuts)
        check_answer(stream, cuts)
    except BaseException:
        print(f"cut at {list(cuts)}: {stream!r}", file=sys.stderr)
        raise


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_stream)
    atheris.Fuzz()
