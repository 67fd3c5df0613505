"""python -m benchmarks [engine samples memory service worker registry end_to_end]: measure, print one table.

`scale` and `growth` take a quarter of an hour, `browse` some minutes; they are measured when they are named.
"""

from __future__ import annotations

import importlib
import os
import sys

import django

from benchmarks.measure import Figure, machine

ALL = ("engine", "samples", "memory", "service", "worker", "registry", "end_to_end")


def main(names: list[str]) -> int:
    """1 when a required figure is not reached."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "anyvar_site.settings")
    django.setup()
    print(f"measured on: {machine()}\n", flush=True)
    rows: list[Figure] = []
    cores = os.sched_getaffinity(0)
    for name in names or list(ALL):
        for row in importlib.import_module(f"benchmarks.{name}").figures():
            print(f"  {name}: {row.what}: {row.ours} / {row.peer} / {row.ratio}", flush=True)
            rows.append(row)
        os.sched_setaffinity(0, cores)  # a benchmark that kept to one core does not bind the next
    print("\n| figure | ours | peer | ratio | required | reached |")
    print("| --- | --- | --- | --- | --- | --- |")
    for row in rows:
        reached = {True: "yes", False: "NO", None: "-"}[row.reached]
        print(f"| {row.what} | {row.ours} | {row.peer} | {row.ratio} | {row.required} | {reached} |")
    return int(any(row.reached is False for row in rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
