"""Measure everything: how fast files become findable and questions are answered, for many at once; and how well.

    python -m benchmarks [QUESTIONS [SET ...]]

Speed is measured on texts made up here. Quality needs sets of questions: QUESTIONS (or KB_BENCH_DATA) is a folder of
sets in BEIR's layout (SET/corpus.jsonl, queries.jsonl, qrels.tsv); without one only speed is measured.
"""

import argparse
import os
import subprocess
import sys

SETS = ("xquad_en", "xquad_zh", "cmrc2018_trial", "product_docs_100")
SAMPLE = ("--documents", "400", "--questions", "200")


def run(module: str, *arguments: str) -> int:
    """One benchmark in a process of its own, so that none warms another."""
    print(f"\n== {module} ==", flush=True)
    return subprocess.call([sys.executable, "-m", f"benchmarks.{module}", *arguments])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("questions", nargs="?", default=os.environ.get("KB_BENCH_DATA"))
    parser.add_argument("sets", nargs="*", metavar="SET")
    options = parser.parse_args()
    failed = run("ingest") | run("streams")
    if not options.questions:
        print('\nQuality was not measured: make bench ARGS="FOLDER", with question sets in BEIR\'s layout.')
        return failed
    return failed | run("quality", options.questions, *(options.sets or SETS), *SAMPLE)


if __name__ == "__main__":
    sys.exit(main())
