"""The rules that committed notebooks keep, read from their JSON."""

import ast
import re
from collections.abc import Iterator
from typing import Any

MAX_LINES = 12
TAGS = {"parameters", "explorer", "nbval-ignore-output"}
TRAINING = {"backward", "step", "zero_grad", "train", "fit"}
PLOTTING = {"plt", "sns", "imshow", "subplots", "savefig", "plot", "scatter", "hist", "bar", "barh"}
PLOTTERS = {"matplotlib", "seaborn", "plotly"}
IS_PATH = re.compile(
    r"^(/|~|\.{1,2}/|(data|results|figures|build|notebooks|imdl_lib)/)"
    r"|\\|\.(png|jpe?g|tiff?|csv|npz|npy|json|pth?|safetensors|ipynb|html)$"
)
UNSTABLE = {
    "a path": r"(?<![\w.:/])/[\w.-]+/[\w./-]+|[A-Z]:\\",
    "a warning": r"\b\w*Warning\b",
    "a progress bar": r"\d+%\s?\||\bit/s\b|s/it\b|[█▏▎▍▌▋▊▉]",
    "an address": r"\bat 0x[0-9a-f]+",
}
TIME = {"a time": r"\b\d+(\.\d+)? ?(ms|s|sec|seconds?|min|minutes?|h|hours?)\b|\b\d\d?:\d\d\b"}

PUBLISHED_TIMES = "experiments.claims("  # a call that prints what papers say of times

Cell = dict[str, Any]


def source(cell: Cell) -> str:
    return "".join(cell["source"])


def governed(cells: list[Cell]) -> list[Cell]:
    """The cells above the exercises, where a reader writes code."""
    for i, cell in enumerate(cells):
        if cell["cell_type"] == "markdown" and re.search(r"^## Exercises\b", source(cell), re.M):
            return cells[:i]
    return cells


def code_of(cells: list[Cell]) -> list[Cell]:
    return [cell for cell in cells if cell["cell_type"] == "code"]


def tree(cell: Cell) -> ast.Module:
    """A cell's syntax tree; empty where it holds shell lines, which have a rule of their own."""
    return ast.parse("" if shell_lines(cell) else source(cell))


def shell_lines(cell: Cell) -> list[str]:
    return [line for line in source(cell).splitlines() if re.match(r"\s*[!%]", line)]


def tags(cell: Cell) -> list[str]:
    return cell["metadata"].get("tags", [])


def cell_size(cells: list[Cell]) -> Iterator[str]:
    for cell in cells:
        count = len(source(cell).splitlines())
        if count > MAX_LINES:
            yield f"a cell of {count} lines, more than {MAX_LINES}: {source(cell)[:40]!r}"


def banned_code(cells: list[Cell]) -> Iterator[str]:
    for cell in code_of(cells):
        yield from (f"a shell or magic line: {line.strip()}" for line in shell_lines(cell))
        for node in ast.walk(tree(cell)):
            if (what := banned(node)) is not None:
                yield f"{what}: {ast.unparse(node).splitlines()[0]}"


def banned(node: ast.AST) -> str | None:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return "a function"
    if isinstance(node, ast.ClassDef):
        return "a class"
    if isinstance(node, ast.For | ast.While) and names_in(node) & TRAINING:
        return "a training loop"
    if (
        isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and IS_PATH.search(node.value)
    ):
        return "a path"
    if isinstance(node, ast.Call) and names_in(node.func) & PLOTTING:
        return "a plotting call"
    if isinstance(node, ast.Import | ast.ImportFrom) and roots(node) & PLOTTERS:
        return "a plotting import"
    if isinstance(node, ast.Call) and names_in(node.func) & {"system", "subprocess", "get_ipython"}:
        return "a shell call"
    return None


def names_in(node: ast.AST) -> set[str]:
    found = {child.id for child in ast.walk(node) if isinstance(child, ast.Name)}
    return found | {child.attr for child in ast.walk(node) if isinstance(child, ast.Attribute)}


def roots(node: ast.Import | ast.ImportFrom) -> set[str]:
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module]
    return {(name or "").partition(".")[0] for name in names}


def late_imports(cells: list[Cell]) -> Iterator[str]:
    """Imports belong into the first code cell, or the one after the parameters."""
    for cell in code_of(cells)[2:]:
        for node in ast.walk(tree(cell)):
            if isinstance(node, ast.Import | ast.ImportFrom):
                yield f"an import after the second code cell: {ast.unparse(node)}"


def parameters(cells: list[Cell]) -> Iterator[str]:
    tagged = [i for i, cell in enumerate(code_of(cells)) if "parameters" in tags(cell)]
    if len(tagged) != 1:
        yield f"{len(tagged)} cells tagged parameters, not one"
        return
    values = {}
    for node in tree(code_of(cells)[tagged[0]]).body:
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Constant):
            yield f"the parameters hold more than literals: {ast.unparse(node)}"
        else:
            values[ast.unparse(node.targets[0])] = node.value.value
    if values.get("profile") != "standard":
        yield f"the default profile is {values.get('profile')!r}, not 'standard'"
    following = code_of(cells)[tagged[0] + 1 :]
    used = names_in(tree(following[0])) if following else set()
    if unused := sorted(set(values) - used):
        yield f"the cell after the parameters does not validate {', '.join(unused)}"


def shown_and_checked(cells: list[Cell]) -> Iterator[str]:
    calls = []
    for cell in code_of(cells):
        found = [node for node in ast.walk(tree(cell)) if isinstance(node, ast.Call)]
        for node in sorted(found, key=lambda node: (node.lineno, node.col_offset)):
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            if name in ("show", "check") and node.args:
                calls.append((name, ast.unparse(node.args[0])))
    for i, (name, id) in enumerate(calls):
        if name == "show" and calls[i + 1 : i + 2] != [("check", id)]:
            yield f"show({id}) is not followed by check({id})"


def outputs(cells: list[Cell]) -> Iterator[str]:
    for cell in code_of(cells):
        where = f"in the output of {source(cell)[:40]!r}"
        if len(cell["outputs"]) > 1:
            yield f"{len(cell['outputs'])} outputs instead of one {where}"
        for output in cell["outputs"]:
            if (kind := foreign_kind(output)) is not None:
                yield f"{kind} {where}"
            stable = "nbval-ignore-output" in tags(cell) or PUBLISHED_TIMES in source(cell)
            unstable = UNSTABLE | ({} if stable else TIME)
            for what, pattern in unstable.items():
                if re.search(pattern, text_of(output)):
                    yield f"{what} {where}"


def foreign_kind(output: dict[str, Any]) -> str | None:
    """What an output is, where it is neither plain text nor a PNG."""
    if output["output_type"] == "stream":
        return None if output["name"] == "stdout" else "error text"
    if output["output_type"] == "error":
        return "an error"
    if output["metadata"]:
        return "output metadata"
    rest = sorted(set(output["data"]) - {"text/plain", "image/png"})
    return rest[0] if rest else None


def text_of(output: dict[str, Any]) -> str:
    if output["output_type"] == "stream":
        return "".join(output["text"])
    data = output.get("data", {})
    return "" if "image/png" in data else "".join(data.get("text/plain", []))


def stored_form(notebook: dict[str, Any]) -> Iterator[str]:
    """Metadata and counts, which concern the exercises too."""
    yield from (
        f"notebook metadata {key}" for key in sorted(set(notebook["metadata"]) - {"kernelspec"})
    )
    for cell in notebook["cells"]:
        yield from (f"cell metadata {key}" for key in sorted(set(cell["metadata"]) - {"tags"}))
        yield from (f"a cell tagged {tag}" for tag in sorted(set(tags(cell)) - TAGS))
    counts = [cell["execution_count"] for cell in code_of(notebook["cells"])]
    if counts != list(range(1, len(counts) + 1)):
        yield f"execution counts {counts} instead of 1 to {len(counts)}, so nbval skips cells"


def broken_rules(notebook: dict[str, Any]) -> list[str]:
    """Every rule that a notebook breaks, in words."""
    cells = governed(notebook["cells"])
    rules = (
        cell_size,
        banned_code,
        late_imports,
        parameters,
        shown_and_checked,
        outputs,
    )
    return [*(fault for rule in rules for fault in rule(cells)), *stored_form(notebook)]


def headings(notebook: dict[str, Any]) -> list[str]:
    prose = "\n".join(source(c) for c in notebook["cells"] if c["cell_type"] == "markdown")
    return re.findall(r"^## (.+?)\s*$", prose, re.MULTILINE)
