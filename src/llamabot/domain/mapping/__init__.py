"""Mapping a bot over many inputs, at most so many at once.

- `window`: which input is drawn next, which item may leave, and when to wait: a value without colour, thread or clock.
- `trying`: what becomes of one input, as steps that the drivers of runs carry out.
- `job`: which runs of the log are of which inputs, so that a map goes on after a crash.
- `coming`: inputs that are waited for beside the work.
- `loops`: the two loops, one a colour: threads, tasks.
- `items`: what `bot.map(…)` returns.
"""
