"""The layout that CONTRIBUTING describes. Exceptions stand here, each with its reason."""

import ast
import re
from collections import Counter
from collections.abc import Iterable
from graphlib import TopologicalSorter
from operator import attrgetter

from runtime.paths import ROOT

ROOMS = {  # rooms between two `<` do not import each other; `*` are all other modules and rooms, which may
    "": "quire simulator < recipes < activities workflows < runtime < starter worker",
    "recipes": "base < spine < * < registry < planning",
    "activities": "known_secrets < errors optional_packages heartbeats < limits < store < model documents output"
    " < duplicates report < tracking < * < registry",
    "workflows": "state < display < shards < run < *",
    "runtime": "errors paths < text < logs < temporal < worker request < preview session < doctor < cli < api",
}
ONLY = {"quire": ("quire",), "simulator": ("simulator",), "workflows": ("workflows", "quire")}  # what these import
SIZES = {
    "quire": "the vocabulary, one flat folder on purpose",
    "quire/commands.py": "one function, which all packages use",
    "quire/durations.py": "one function, which two packages use",
    "activities/errors.py": "one exception, below everything else",
    "activities/optional_packages.py": "one install hint, below everything else",
    "runtime/errors.py": "one exception, below everything else",
    "runtime/paths.py": "two constants, below everything else",
}
SHARED = {"__init__", "__main__", "recipe", "errors", "registry"}  # one in each package, or in each recipe's folder
NOUNS = "batching|finding|numbering|planning|pricing|sharding|wording"
VERBS = re.compile("ask|bind|judge|advise|tidy|settle|weave|twist|tally|pump|relay|fill|leave|told|found|kept|laid")
VARIABLES = re.compile("said|told|found|known|made|there|given|taken")
OPENINGS = re.compile(r"(What|Whether|The same|One|Of|Those)\b")
FILES = [*ROOT.glob("[sw]*er.py"), *(file for name in {*ROOMS, *ONLY} - {""} for file in (ROOT / name).rglob("*.py"))]
TREES = {file.relative_to(ROOT): ast.parse(file.read_text()) for file in FILES}
MODULES = {".".join(path.with_suffix("").parts).removesuffix(".__init__"): tree for path, tree in TREES.items()}
NODES = [(path, node) for path, tree in TREES.items() for node in ast.walk(tree)]


def list_imports(tree: ast.AST) -> set[str]:
    """Return the modules of ours that a module imports, in functions and for type checking, too."""
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {(node, alias.name) for node in nodes for alias in node.names}
    plain = {name for node, name in names if isinstance(node, ast.Import)}
    full = {(node.module or "", f"{node.module}.{name}") for node, name in names if isinstance(node, ast.ImportFrom)}
    return (plain | {name if name in MODULES else module for module, name in full}) & MODULES.keys()


def is_upwards(importer: list[str], imported: list[str]) -> bool:
    """Return True if the importer's room does not stand above the imported one."""
    package = importer.pop(0) if importer[0] == imported[0] and imported.pop(0) else ""
    if package not in ROOMS or not importer or not imported or importer[0] == imported[0]:
        return False
    ranks = {room: number for number, rooms in enumerate(ROOMS[package].split(" < ")) for room in rooms.split()}
    above, below = (ranks.get(room, ranks.get("*", -1)) for room in (importer[0], imported[0]))
    return below > above or above == below != ranks.get("*", -1)


def expect_none(problems: Iterable[str]) -> None:
    assert not (listed := sorted(set(problems))), "\n".join(listed)


def test_rooms_import_downwards_only_and_never_in_a_circle():
    imports = {name: list_imports(tree) for name, tree in MODULES.items()}
    pairs = [(a, b, f"{a} imports {b}") for a, names in imports.items() for b in names]
    expect_none(text for a, b, text in pairs if is_upwards(a.split("."), b.split(".")))
    expect_none(text for a, b, text in pairs if b.split(".")[0] not in ONLY.get(a.split(".")[0], b))
    TopologicalSorter(imports).prepare()  # a CycleError names the modules


def test_tests_import_helpers_from_support_only():
    files = [path for path in (ROOT / "tests").rglob("*.py") if path.parent.name != "benchmarks"]
    names = [(path, name) for path in files for name in re.findall(r"^ *from (\S+)", path.read_text(), re.M)]
    expect_none(f"{path}: {name}" for path, name in names if re.search(r"^benchmarks|\.test_|\bconftest", name))


def test_folders_hold_at_most_20_modules_of_20_to_300_lines():
    modules = [path for path in TREES if path.stem != "__init__"]
    sizes = [(folder, 1, count, 20) for folder, count in Counter(map(attrgetter("parent"), modules)).items()]
    sizes += [(path, 20, (ROOT / path).read_text().count("\n"), 300) for path in modules]
    wrong = [(path.as_posix(), size) for path, low, size, high in sizes if not low <= size <= high]
    expect_none(f"{path}: {size}" for path, size in wrong if path not in SIZES)


def test_modules_and_classes_have_unique_names_that_are_nouns():
    stems = Counter(path.stem for path in TREES if path.stem not in SHARED)
    classes = Counter(node.name for tree in TREES.values() for node in tree.body if isinstance(node, ast.ClassDef))
    expect_none(name for name, count in (stems + classes).items() if count > 1 and not name.startswith("_"))
    expect_none(stem for stem in stems if re.fullmatch(f"(?!(.*_)?({NOUNS})$).*ing", stem) or VERBS.fullmatch(stem))


def test_variables_and_docstrings_read_by_themselves():
    names = [(path, node.id) for path, node in NODES if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    names += [(path, node.arg) for path, node in NODES if isinstance(node, ast.arg)]
    expect_none(f"{path}: {name}" for path, name in names if VARIABLES.fullmatch(name))
    functions = [(path, node) for path, node in NODES if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    bad = [(path, node) for path, node in functions if OPENINGS.match(ast.get_docstring(node) or "")]
    expect_none(f"{path}:{node.lineno}: {node.name}" for path, node in bad)
