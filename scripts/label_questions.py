"""Decides from the code which tests answer the questions of a labelled set, a folder such as `tests/retrieval`.

    label_questions.py FLAKYDETECTOR SUITES LABELS            writes relevant.csv.gz there
    label_questions.py FLAKYDETECTOR SUITES LABELS --show ID  prints a question's tests, to be read

Which tests there are comes from `scan`; what they do comes from Python's own `ast`, never from rules, documents or
rankings. A question is relevant to a test where all of its conditions hold and none of its exclusions:

    async, sync          the test is an `async def`, or is not
    calls:RE             the test, its set-up, fixtures or helpers call something whose dotted name fits
    own:RE               the test itself does
    uses:RE              they name something imported from a module whose dotted name fits
    name:RE path:RE      the test's name, its file
    source:RE reach:RE   the test's own source, or that of all it runs in these files
    fixture:RE           a fixture that it asks for, directly or through another
    decorator:RE         a decorator of the test or of its class
    base:RE              a base of its class, as written
    suite:RE             the suite's name
    raises loops with    it expects an exception, has a loop, a `with`

RE is searched for, case ignored. `a | b` in one condition: either.
"""

import ast
import csv
import gzip
import io
import json
import pathlib
import random
import re
import subprocess
import sys
import tomllib

SET_UP = {"setUp", "asyncSetUp", "setUpClass", "setup_method", "setup_class", "setup", "tearDown", "asyncTearDown"}
DEPTH = 3


class Module:
    """One file: its functions by dotted name, its classes, what its names were imported as."""

    def __init__(self, path):
        self.text = path.read_text("utf-8", "replace")
        self.lines = self.text.splitlines()
        self.functions, self.classes, self.imports = {}, {}, {}
        try:
            tree = ast.parse(self.text)
        except (SyntaxError, ValueError):
            return
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for name in node.names:
                    self.imports[name.asname or name.name.split(".")[0]] = name.name if name.asname else name.name.split(".")[0]
            elif isinstance(node, ast.ImportFrom):
                for name in node.names:
                    self.imports[name.asname or name.name] = "." * node.level + f"{node.module or ''}.{name.name}"
        self.collect(tree.body, "")

    def collect(self, body, prefix):
        for node in body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                self.functions[prefix + node.name] = node
            elif isinstance(node, ast.ClassDef):
                self.classes[prefix + node.name] = node
                self.collect(node.body, f"{prefix}{node.name}.")
            elif isinstance(node, (ast.If, ast.Try, ast.With)):
                self.collect([*node.body, *getattr(node, "orelse", [])], prefix)

    def source(self, node):
        first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
        return "\n".join(self.lines[first - 1 : node.end_lineno])

    def dotted(self, node):
        """`a.b.c` with `a` as what it was imported as; what hangs on a call or an item begins with a dot."""
        parts = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        parts.append(self.imports.get(node.id, node.id) if isinstance(node, ast.Name) else "")
        return ".".join(reversed(parts))


class Suite:
    def __init__(self, root):
        self.root, self.modules = root, {}
        self.by_class = {}

    def module(self, file):
        if file not in self.modules:
            self.modules[file] = Module(self.root / file)
            for name, node in self.modules[file].classes.items():
                self.by_class.setdefault(name.split(".")[-1], (file, name))
        return self.modules[file]

    def conftests(self, file):
        folder = pathlib.PurePosixPath(file).parent
        for parent in [folder, *folder.parents]:
            path = str(parent / "conftest.py")
            if (self.root / path).is_file():
                yield path

    def lineage(self, file, name):
        """A class and its bases, as far as this suite shows them."""
        todo, seen = [(file, name)], []
        while todo:
            file, name = todo.pop(0)
            module = self.module(file)
            if (file, name) in seen or name not in module.classes:
                continue
            seen.append((file, name))
            for base in module.classes[name].bases:
                last = module.dotted(base).split(".")[-1]
                todo.append((file, last) if last in module.classes else self.by_class.get(last, ("", "")))
                if not todo[-1][0]:
                    todo.pop()
        return seen

    def facts(self, test):
        """What is known of one test; None where its function is not found."""
        file, *names = test["id"].split("::")
        module, function = self.module(file), None
        owner = ".".join(names[:-1])
        lineage = self.lineage(file, owner) if owner else []
        if not owner:
            function = module.functions.get(names[-1])
            where = file
        for where_file, name in lineage:
            function = self.module(where_file).functions.get(f"{name}.{names[-1]}")
            if function:
                where = where_file
                break
        if function is None:
            return None
        facts = Facts(self, lineage)
        facts.take(where, function, 0)
        home = self.module(where)
        facts.own_source = home.source(function)
        facts.is_async = isinstance(function, ast.AsyncFunctionDef)
        facts.name, facts.path = names[-1], file
        facts.decorators = [ast.unparse(d) for d in function.decorator_list]
        for where_file, name in lineage:
            node = self.module(where_file).classes[name]
            facts.decorators += [ast.unparse(d) for d in node.decorator_list]
            facts.bases += [ast.unparse(b) for b in node.bases]
            for set_up in SET_UP:
                inherited = self.module(where_file).functions.get(f"{name}.{set_up}")
                if inherited:
                    facts.take(where_file, inherited, 1)
        nodes = list(ast.walk(function))
        facts.loops = any(isinstance(n, (ast.For, ast.While, ast.AsyncFor)) for n in nodes)
        facts.with_ = any(isinstance(n, (ast.With, ast.AsyncWith)) for n in nodes)
        return facts


class Facts:
    def __init__(self, suite, lineage):
        self.suite, self.lineage = suite, lineage
        self.calls, self.uses, self.fixtures, self.bases, self.sources, self.seen = [], set(), set(), [], [], set()

    def take(self, file, function, depth):
        """Adds what `function` does, and what it runs in the same files."""
        if id(function) in self.seen or depth > DEPTH:
            return
        self.seen.add(id(function))
        module = self.suite.module(file)
        self.sources.append(module.source(function))
        names = []
        for node in ast.walk(function):
            if isinstance(node, ast.Call):
                names.append(module.dotted(node.func))
            elif isinstance(node, ast.Name) and node.id in module.imports:
                self.uses.add(module.imports[node.id])
        self.calls += names
        if depth == 0:
            self.own = list(self.calls)
        for name in names:
            if name in module.functions:
                self.take(file, module.functions[name], depth + 1)
            elif name.startswith(("self.", "cls.")) and name.count(".") == 1:
                for where, owner in self.lineage:
                    helper = self.suite.module(where).functions.get(f"{owner}.{name.split('.')[1]}")
                    if helper:
                        self.take(where, helper, depth + 1)
                        break
        arguments = [a.arg for a in [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]]
        for argument in arguments:
            self.fixture(file, argument, depth)

    def fixture(self, file, name, depth):
        if name in ("self", "cls"):
            return
        self.fixtures.add(name)
        for where in [file, *self.suite.conftests(file)]:
            found = self.suite.module(where).functions.get(name)
            if found and any("fixture" in ast.unparse(d) for d in found.decorator_list):
                self.take(where, found, depth + 1)
                return

    def holds(self, condition):
        return any(self.one(part.strip()) for part in condition.split(" | "))

    def one(self, condition):
        kind, _, text = condition.partition(":")
        fits = re.compile(text, re.I).search
        match kind:
            case "async" | "sync":
                return self.is_async == (kind == "async")
            case "calls":
                return any(map(fits, self.calls))
            case "own":
                return any(map(fits, self.own))
            case "uses":
                return any(map(fits, self.uses))
            case "name" | "path":
                return bool(fits(getattr(self, kind)))
            case "source":
                return bool(fits(self.own_source))
            case "reach":
                return any(map(fits, self.sources))
            case "fixture":
                return any(map(fits, self.fixtures))
            case "decorator":
                return any(map(fits, self.decorators))
            case "base":
                return any(map(fits, self.bases))
            case "suite":
                return bool(fits(self.suite.root.name))
            case "raises":
                return any(re.search(r"(\.|^)raises|assertRaises|assert_raises", call) for call in self.own)
            case "loops":
                return self.loops
            case "with":
                return self.with_
        sys.exit(f"label: no condition is called '{condition}'")


def tests_of(program, root):
    scan = subprocess.run([program, "scan", root, "--format", "json", "--fail-on", "never"], capture_output=True, check=True)
    return json.loads(scan.stdout)["tests"]


def main():
    program, suites, labels, *rest = sys.argv[1:]
    labels = pathlib.Path(labels)
    files = [labels / "questions.toml", labels / "kept_back.toml"]
    questions = [question for file in files for question in tomllib.loads(file.read_text())["question"]]
    if rest and rest[0] == "--show":
        questions = [q for q in questions if q["id"] in rest[1:]]
    listed = tomllib.loads((labels / "suites.toml").read_text())["suite"]
    rows, missing, total = [], 0, 0
    for name, bases in [(suite["name"], suite.get("bases", [])) for suite in listed]:
        suite = Suite(pathlib.Path(suites, name))
        tests = tests_of(program, suite.root)
        for test in tests:
            suite.module(test["file"])
        for path in bases:
            suite.module(path)
        for test in tests:
            facts = suite.facts(test)
            total += 1
            if facts is None:
                missing += 1
                continue
            for question in questions:
                if all(map(facts.holds, question["all"])) and not any(map(facts.holds, question.get("none", []))):
                    rows.append((question["id"], name, test["id"], facts))
    print(f"{total} tests, {missing} without a function that ast finds, {len(rows)} answers", file=sys.stderr)
    if rest:
        chosen = random.Random(0).sample(rows, min(len(rows), 12))
        for _, name, test, facts in chosen:
            print(f"--- {name} {test}\n{facts.own_source}\n")
        print(*(f"{name} {test}" for _, name, test, _ in rows[:400]), sep="\n")
        return
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["question", "repo", "test"])
    writer.writerows(sorted(row[:3] for row in rows))
    with open(labels / "relevant.csv.gz", "wb") as file:
        file.write(gzip.compress(table.getvalue().encode(), mtime=0))
    for question in questions:
        print(question["id"], sum(row[0] == question["id"] for row in rows), sep="\t")


main()
