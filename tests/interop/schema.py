"""Compare the verdicts of schema-check with python3-jsonschema's, over valid
documents and many broken variants of each. usage: schema.py SCHEMA-CHECK SCHEMAS NAME=FILE..."""
import copy
import json
import pathlib
import subprocess
import sys
import tempfile

import jsonschema

WRONG = [None, True, -1, 0, 1.5, 1e308, "", "x", [], [1], {}, {"surprise": 1}]


def places(node, path=()):
    yield path
    for key in (node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()):
        yield from places(node[key], path + (key,))


def variants(document):
    yield document
    for path in places(document):
        for value in WRONG:
            broken = copy.deepcopy(document)
            if not path:
                yield value
                continue
            at = broken
            for key in path[:-1]:
                at = at[key]
            at[path[-1]] = value
            yield broken
        broken = copy.deepcopy(document)
        at = broken
        for key in path:
            parent, last, at = at, key, at[key]
        if path:
            del parent[last]
            yield broken
        if isinstance(at, dict):
            at["unheard_of"] = 1
            yield broken


def main():
    checker, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    passed = 0
    for pair in sys.argv[3:]:
        name, path = pair.split("=")
        schema = json.loads((folder / (name + ".schema.json")).read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        store = {file.name: json.loads(file.read_text()) for file in folder.glob("*.schema.json")}
        judge = jsonschema.Draft202012Validator(schema, resolver=jsonschema.RefResolver("", schema, store))
        with tempfile.TemporaryDirectory() as scratch:
            files, expected = [], []
            for number, variant in enumerate(variants(json.loads(pathlib.Path(path).read_text()))):
                file = pathlib.Path(scratch) / ("%06d.json" % number)
                file.write_text(json.dumps(variant))
                files.append(file.name)
                expected.append(judge.is_valid(variant))
            assert expected[0], (pair, [e.message for e in judge.iter_errors(json.loads(pathlib.Path(path).read_text()))])
            for first in range(0, len(files), 2000):
                out = subprocess.run([checker, name] + files[first:first + 2000], cwd=scratch, text=True, stdout=subprocess.PIPE).stdout
                for line, want in zip(out.splitlines(), expected[first:first + 2000]):
                    ours = line.endswith(": ok")
                    assert ours == want, (pair, line, want, (pathlib.Path(scratch) / line.split(":")[0]).read_text()[:500])
                    passed += 1
    print(passed, "verdicts agree")


main()
