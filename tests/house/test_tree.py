"""The rules of the house that a file listing can check."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

from joblog.app import errors

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDERS = {"actors", "app", "docs", "findings", "replay", "storage", "tests"}
FILES = {
    *("CHANGELOG.md", "LICENSE", "Makefile", "README.md", "SECURITY.md"),
    *("mkdocs.yml", "pyproject.toml", "setup.py"),
}
PACKAGES = ("actors", "app", "replay", "storage")
MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 40
TEXT_SUFFIXES = {
    *(".conf", ".go", ".js", ".json", ".lua", ".md", ".mod", ".proto", ".py", ".rb"),
    *(".toml", ""),
}
OF_AN_SDIST = {("PKG-INFO",), ("setup.cfg",)}
GENERATED_FOLDERS = {"__pycache__", "build", "dist", "htmlcov", "joblog-data"}

MACHINE_PATHS = re.compile(re.escape(str(ROOT)) + r"|(?<![\w.~/])/(root|home|Users)/\w")
UNFINISHED = re.compile("TODO|FIXME|XXX|NotImplementedError")
NAMED_FILES = re.compile(
    r"(?<![\w/])(?:actors|app|docs|replay|storage|tests)/[\w/.-]*\w"
)
FORBIDDEN_NAMES = re.compile(r"(^|_)(helpers?|utils?|managers?|common|part\d)(_|$)")


def tracked() -> list[Path]:
    """Return the project's files: what git knows, or what lies here without git."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return [path for path in ROOT.rglob("*") if path.is_file() and _is_ours(path)]
    paths = [ROOT / name for name in listed.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]


def _is_ours(path: Path) -> bool:
    parts = path.relative_to(ROOT).parts
    return parts not in OF_AN_SDIST and not any(
        (part.startswith(".") and part not in {".ci", ".gitignore"})
        or part in GENERATED_FOLDERS
        or part.endswith(".egg-info")
        for part in parts
    )


@pytest.fixture(scope="module")
def files():
    return tracked()


def modules(files: list[Path]) -> list[Path]:
    return [
        path
        for path in files
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in PACKAGES
    ]


def test_top_level_holds_the_six_folders_and_eight_files(files):
    shown = [path.relative_to(ROOT) for path in files]
    folders = {path.parts[0] for path in shown if len(path.parts) > 1}
    names = {path.name for path in shown if len(path.parts) == 1}

    assert {name for name in folders if not name.startswith(".")} <= FOLDERS
    assert {name for name in names if not name.startswith(".")} <= FILES


def test_module_is_short_enough_to_be_one_subject(files):
    long = {
        str(path.relative_to(ROOT)): lines
        for path in modules(files)
        if (lines := len(path.read_text().splitlines())) > MODULE_LINES_MAX
    }

    assert long == {}


def test_function_fits_a_screen(files):
    long = {}
    for path in modules(files):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = _code_lines(node)
                if lines > FUNCTION_LINES_MAX:
                    long[f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"] = lines

    assert long == {}


def _code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return how many lines a function's body has, its docstring left out."""
    body = node.body
    if ast.get_docstring(node) is not None:
        body = body[1:]
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def test_module_name_says_a_subject(files):
    bad = [
        str(path.relative_to(ROOT))
        for path in modules(files)
        if FORBIDDEN_NAMES.search(path.stem)
    ]

    assert bad == []


def test_source_leaves_nothing_unfinished(files):
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in modules(files)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if UNFINISHED.search(line)
    ]

    assert found == []


def test_text_names_no_path_of_one_machine(files):
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for path in files
        if path.suffix in TEXT_SUFFIXES
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if MACHINE_PATHS.search(line)
    ]

    assert found == []


def test_changelog_has_a_section_for_what_is_not_released():
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text()


def hot_modules() -> dict[str, ast.Module]:
    """Return the modules that are compiled, by their paths."""
    paths = re.findall(
        r'^    "(\S+\.py)",$', (ROOT / "setup.py").read_text(), re.MULTILINE
    )
    return {path: ast.parse((ROOT / path).read_text()) for path in paths}


def classes(tree: ast.Module) -> list[tuple[ast.ClassDef, set[str]]]:
    """Return the classes of a module, each with the names of its bases."""
    return [
        (node, {base.id for base in node.bases if isinstance(base, ast.Name)})
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    ]


def test_compiled_module_has_its_base_classes_compiled_too():
    # mypyc gives up on all modules where a base class with attributes is plain Python.
    hot = hot_modules()
    missing, looked_at = [], 0
    for path, tree in hot.items():
        imported = {
            alias.asname or alias.name: node.module
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module
            for alias in node.names
        }
        for _, bases in classes(tree):
            for base in bases & imported.keys():
                module = imported[base].removeprefix("joblog.").replace(".", "/")
                if (ROOT / f"{module}.py").exists():
                    looked_at += 1
                    if f"{module}.py" not in hot:
                        missing.append((path, base))

    assert looked_at
    assert missing == []


def test_compiled_named_tuple_finds_the_types_of_its_fields():
    # mypyc evaluates them: a name that only type checkers import ends the start.
    hot = hot_modules()
    unknown, looked_at = [], 0
    for path, tree in hot.items():
        only_checked = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            for imported in node.body
            if isinstance(imported, ast.ImportFrom)
            for alias in imported.names
        }
        for node, bases in classes(tree):
            if "NamedTuple" in bases:
                looked_at += 1
                unknown += [
                    (path, node.name, name.id)
                    for field in node.body
                    if isinstance(field, ast.AnnAssign)
                    for name in ast.walk(field.annotation)
                    if isinstance(name, ast.Name) and name.id in only_checked
                ]

    assert looked_at
    assert unknown == []


def test_every_file_that_a_docstring_or_comment_names_is_there(files):
    shown = [path.relative_to(ROOT).as_posix() for path in files]
    missing = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in modules(files)
        for name in NAMED_FILES.findall(path.read_text())
        if not any(one.startswith(name) for one in shown)
    ]

    assert missing == []


def test_what_clients_read_of_errors_is_in_one_place(files):
    codes = {
        text.split(b" ")[0]
        for text in vars(errors).values()
        if isinstance(text, bytes) and b" " in text
    }
    elsewhere = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.value!r}"
        for path in modules(files)
        if "errors" not in path.relative_to(ROOT).parts
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, bytes)
        for code, _, words in [node.value.removeprefix(b"-").partition(b" ")]
        if code in codes and words
    ]

    assert elsewhere == []
