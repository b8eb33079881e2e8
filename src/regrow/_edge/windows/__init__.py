"""Windows: each child in a job of its own, all of them in one that ends with us. Written from the manual, never run."""
