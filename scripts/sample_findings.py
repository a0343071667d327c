"""Draws critical and high findings at random for reading: the precision of the rules is what a person says of them.

    python3 scripts/sample_findings.py --seed 7 --count 100 SCAN.json… > sample.md

SCAN.json is what `flakydetector scan --format json` printed. Each finding comes with its lines of code.
"""

import argparse
import json
import pathlib
import random

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("scans", nargs="+", type=pathlib.Path, metavar="SCAN.json")
parser.add_argument("--seed", type=int, default=7)
parser.add_argument("--count", type=int, default=100)
parser.add_argument("--code", help="only this rule")
parser.add_argument("--around", type=int, default=6, help="lines of code before and after")
options = parser.parse_args()

pool = []
for path in options.scans:
    scan = json.loads(path.read_text())
    for test in scan["tests"]:
        for finding in test["findings"]:
            if finding["severity"] in ("critical", "high") and options.code in (None, finding["code"]):
                pool.append((scan["root"], test, finding))
pool.sort(key=lambda drawn: (drawn[1]["repo"], drawn[1]["id"], drawn[2]["line"], drawn[2]["code"]))
drawn = random.Random(options.seed).sample(pool, min(options.count, len(pool)))
print(f"{len(drawn)} of {len(pool)} critical and high findings, seed {options.seed}\n")
for number, (root, test, finding) in enumerate(drawn, 1):
    print(f"## {number}. {finding['code']} {finding['severity']} {test['repo']} {test['id']}:{finding['line']}\n")
    print(f"{finding['message']}\n\n```python")
    code = pathlib.Path(root, test["file"]).read_text(errors="replace").splitlines()
    for line in range(finding["line"] - options.around, finding["end_line"] + options.around + 1):
        if 1 <= line <= len(code):
            print(f"{'>' if finding['line'] <= line <= finding['end_line'] else ' '}{line:5} {code[line - 1]}")
    print("```\n")
