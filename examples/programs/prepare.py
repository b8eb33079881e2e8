"""A one-shot: makes a directory with a page in it, and ends."""

import sys
from pathlib import Path

site = Path(sys.argv[1])
site.mkdir(parents=True, exist_ok=True)
(site / "index.html").write_text("<h1>It is up.</h1>\n", encoding="utf-8")
print(f"made {site}")
