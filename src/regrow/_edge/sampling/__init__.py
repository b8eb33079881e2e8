"""The shared sampler: one reading of many process trees, once in a while, for little."""
