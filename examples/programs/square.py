"""Reads numbers, prints their squares. The first time that it sees 13, it dies."""

import os
import sys
import time

is_young = os.environ["REGROW_INCARNATION"] == "1"

for line in sys.stdin:
    time.sleep(0.05)  # hard work
    if int(line) == 13 and is_young:
        os.abort()
    print(int(line) ** 2, flush=True)
