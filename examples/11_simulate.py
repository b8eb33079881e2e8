"""How many restarts should a supervisor tolerate? Simulate it, and choose by numbers.

Each of four workers crashes twice a day, by chance, and takes two seconds to come back. A month of that, twenty times,
for each choice, takes a second.

Run it in one of two ways:

    python examples/11_simulate.py          prints what comes of each choice
    regrow run examples/11_simulate.py      runs the tree with real processes that only sleep
"""

import sys

from regrow import ChildSpec, SupervisorSpec
from regrow.testing import Failures, simulate

SLEEP = [sys.executable, "-c", "import time; time.sleep(3600)"]
DAY = 24 * 3600.0


def tree(max_restarts: int = 3, window: float = 3600.0) -> SupervisorSpec:
    workers = [ChildSpec(name=f"worker-{number}", command=SLEEP) for number in range(4)]
    return SupervisorSpec(name="app", max_restarts=max_restarts, window=window, children=workers)


def main() -> None:
    failures = {"worker-*": Failures(every=DAY / 2, start_takes=2.0)}
    print("restarts in window   gives up within a month")
    for max_restarts, window in ((1, 3600.0), (3, 3600.0), (3, 600.0), (6, 3600.0)):
        figures = simulate(tree(max_restarts, window), failures, seed=1, duration=30 * DAY, runs=20)
        print(f"{max_restarts:>8} in {window:<6g}   {figures.chance_of_giving_up:>4.0%} +- {figures.margin:.0%}")


if __name__ == "__main__":
    main()
