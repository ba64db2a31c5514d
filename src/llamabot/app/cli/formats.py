"""Numbers of a run in words: times, durations, tokens, money."""

from __future__ import annotations

from datetime import datetime

from llamabot.ports.completion import Usage

__all__ = ["cost_text", "duration_text", "moment_text", "usage_text"]

_NS_PER_S = 1_000_000_000


def moment_text(at_ns: int) -> str:
    """Return a time of day in local time: `2026-11-22 08:18:04`."""
    return datetime.fromtimestamp(at_ns / _NS_PER_S).strftime("%Y-%m-%d %H:%M:%S")


def duration_text(length_ns: int) -> str:
    """Return a duration with three digits that count: `0.4 ms`, `212 ms`, `1.84 s`, `2 min 03 s`."""
    seconds = max(length_ns, 0) / _NS_PER_S
    if seconds < 0.001:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes} min {seconds:02d} s"


def usage_text(usage: Usage) -> str:
    """Return tokens: `212 in, 48 out`, and what is special among them."""
    text = f"{usage.prompt_tokens:,} in, {usage.completion_tokens:,} out"
    special = {"cached": usage.cached_tokens, "reasoning": usage.reasoning_tokens}
    named = [f"{count:,} {name}" for name, count in special.items() if count]
    return f"{text} ({', '.join(named)})" if named else text


def cost_text(cost_usd: float | None) -> str:
    """Return a price with two digits that count, "" if it is unknown."""
    if cost_usd is None:
        return ""
    if cost_usd == 0:
        return "$0"
    return f"${cost_usd:.2f}" if cost_usd >= 1 else f"${cost_usd:.2g}" if cost_usd >= 0.0001 else f"${cost_usd:.6f}"
