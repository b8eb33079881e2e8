"""A worker with a bug: now and then there is an item that it cannot stand."""

import random
import time

for item in range(1, random.randint(4, 9)):
    print(f"item {item} done", flush=True)
    time.sleep(1)
raise RuntimeError("no idea what to do with this item")
