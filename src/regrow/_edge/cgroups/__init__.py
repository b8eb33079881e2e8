"""Control groups, version 2, where a subtree of them is ours: around the tree of each child, beside its guardians.

A *place* is a group in which we may make others; a *branch* is the group of one launcher in it; a *leaf* is the group
of one incarnation on that. Whatever changes a group (made, removed, killed) waits for one lock of the whole machine,
which others hold for tens of milliseconds when they move processes about: so it is done in threads, and leaves are
made before they are needed.
"""
