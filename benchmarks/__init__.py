"""What the library costs, measured against something else in the same run.

    python -m benchmarks                  measure everything and write docs/benchmarks.md
    python -m benchmarks imports bots     measure these subjects and print what came out

One file a subject: `measure()` returns a `Section`. Each subject runs in a process of its own, so that what one loads
does not slow the next. Budgets stand beside the figures; gates that do not depend on the machine are in
`tests/performance/`.
"""
