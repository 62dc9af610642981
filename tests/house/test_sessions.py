"""docs/sessions.md says who may set what of a session: the code is read beside it."""

import ast
import re
from pathlib import Path

from tests.support.servers import ROOT

PAGE = (ROOT / "docs/sessions.md").read_text()
SESSIONS = {"session", "ctx.session", "caller", "double", "waiter.session"}
SESSIONS |= {"context.session", "self._session", "visit.session"}
OWNER = "state/session"
SESSION = (ROOT / f"app/{OWNER}.py").read_text()
FIELDS = ast.literal_eval(re.search(r"__slots__ = (\(.*?\))", SESSION, re.DOTALL)[1])


def promised():
    """Return the modules that the page lets set each field."""
    rows = {}
    table = PAGE.split("## Who may set what")[1]
    for line in re.findall(r"^\| (`.*`) \| (.*) \|$", table, re.MULTILINE):
        modules = set() if line[1] == "nobody else" else set(line[1].split())
        for field in re.findall(r"`(\w+)`", line[0]):
            assert field not in rows, f"{field} stands twice"
            rows[field] = modules
    return rows


def fields_set(tree):
    """Return the fields of a session that a module sets."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            targets = list(node.targets)
        elif isinstance(node, ast.AugAssign | ast.AnnAssign):
            targets = [node.target]
        else:
            continue
        for target in targets:
            for one in target.elts if isinstance(target, ast.Tuple) else [target]:
                is_field = isinstance(one, ast.Attribute)
                if is_field and ast.unparse(one.value) in SESSIONS:
                    found.add(one.attr)
    return found & set(FIELDS)


def test_page_names_each_field_and_whoever_sets_it():
    found = {field: set() for field in FIELDS}
    for folder in ("app", "actors"):
        for path in Path(ROOT, folder).rglob("*.py"):
            module = str(path.relative_to(ROOT).with_suffix("")).removeprefix("app/")
            if module == OWNER:
                continue
            for field in fields_set(ast.parse(path.read_text())):
                found[field].add(module)

    assert found == promised()
