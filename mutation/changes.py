"""The changes that mutmut would make to a file, as values."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Change:
    """One changed function: where, which lines it had, which it has now, and the file's text with it.

    `around` are the lines of the function, where the changed ones hold no code of their own by which a test is seen
    to run them, as those of its signature do, which ran when it was made; otherwise it is empty.
    """

    file: str
    function: str
    first_line: int
    lines: tuple[int, ...]
    around: tuple[int, ...]
    old: str
    new: str
    text: str

    @property
    def key(self) -> str:
        """Return what tells this change from all others, as long as the file stays as it is."""
        return hashlib.sha256(f"{self.file}\n{self.text}".encode()).hexdigest()[:20]


def changes(root: Path, file: str) -> list[Change]:
    """Return mutmut's changes to a file in its order, without those that leave the text as it is."""
    import libcst  # takes as long to load as a hundred tests to be found, and they are found by each worker
    from mutmut.mutation.file_mutation import create_mutations, deep_replace

    text = (root / file).read_text(encoding="utf-8")
    module, mutations, _, _ = create_mutations(file, text)
    functions = list(_functions(ast.parse(text)))
    seen = {line for code in codes(compile(text, file, "exec", dont_inherit=True)) for *_, line in code.co_lines()}
    found: dict[str, Change] = {}
    for mutation in mutations:
        if not isinstance(mutation.contained_by_top_level_function, libcst.FunctionDef):
            continue
        changed = deep_replace(module, mutation.original_node, mutation.mutated_node)
        if isinstance(changed, libcst.Module) and changed.code != text:
            change = _change(file, functions, seen, text, changed.code)
            found.setdefault(change.key, change)
    return list(found.values())


def _functions(module: ast.Module) -> Iterator[tuple[str, FunctionNode]]:
    """Yield the functions of a module and the methods of its classes, with their qualified names."""
    for node in module.body:
        if isinstance(node, FunctionNode):
            yield node.name, node
        if isinstance(node, ast.ClassDef):
            yield from ((f"{node.name}.{part.name}", part) for part in node.body if isinstance(part, FunctionNode))


def _change(file: str, functions: list[tuple[str, FunctionNode]], seen: set[int], text: str, changed: str) -> Change:
    old, new = text.splitlines(), changed.splitlines()
    start = next((at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    tail = 0
    while tail < min(len(old), len(new)) - start and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    touched = tuple(range(start + 1, max(len(old) - tail, start + 1) + 1))
    name, node = next(
        (name, node) for name, node in functions if first_line(node) <= start + 1 <= (node.end_lineno or 0)
    )
    around = tuple(range(node.body[0].lineno, (node.end_lineno or 0) + 1))
    return Change(
        file=file,
        function=name,
        first_line=first_line(node),
        lines=touched,
        around=() if seen & set(touched) and touched[0] >= around[0] else around,
        old="\n".join(line.strip() for line in old[start : len(old) - tail]),
        new="\n".join(line.strip() for line in new[start : len(new) - tail]),
        text=changed,
    )


def codes(code: CodeType) -> Iterator[CodeType]:
    """Yield a code object and all inside of it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes(constant)


def first_line(node: FunctionNode) -> int:
    """Return the line where a function's code object begins: its first decorator's, if it has one."""
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
