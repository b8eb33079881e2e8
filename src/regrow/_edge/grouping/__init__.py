"""Without guardians: processes of our own, in groups of their own, watched by what the kernel tells."""
