"""The torture tree: a child and three descendants, each further away from it than the one before, in several moods.

Each of the four says who it is, `NAME PID`, on its standard output. All have the marker in their command line.
"""

from __future__ import annotations

from tests.guardian.hostile import FLIGHT, HOPS

MEMBERS = ("main", "member", "session", "daemon")
"""Itself; one in its group; one in a session of its own; a daemon, forked twice, with an emptied environment."""

_TREE = """{before}
(exec sh -c 'echo member $$; {who}') &
setsid sh -c 'echo session $$; {who}' &
(env -i setsid /bin/sh -c 'echo daemon $$; {who}' &)
{beside}
echo main $$; {main} # {marker}"""

_SLEEPS = "exec sleep {marker}"
_TO_BREED = "i=0; while [ $i -lt 60 ]; do i=$((i+1)); (env -i setsid sleep {marker} &) done"
_HOPS = HOPS.replace("{m}", "{marker}") + FLIGHT.replace("{m}", "{marker}") + 'setsid sh -c "$f" &'

MOODS: dict[str, dict[str, str]] = {
    "plain": {},
    "deaf": {"before": "trap '' TERM INT HUP QUIT"},
    "stopped": {"who": "kill -STOP $$; exec sleep {marker}", "main": "kill -STOP $$; exec sleep {marker}"},
    "breeding": {"main": f"trap '{_TO_BREED}; exit' TERM; while :; do sleep {{marker}} & wait $!; done"},
    "hopping": {"beside": _HOPS},
}
"""By name. A breeding one makes descendants when it is asked to end; a hopping one has two that fork and end, without
pause, one of them into a new session each time."""


def torture_tree(mood: str, marker: str) -> list[str]:
    """The command of the main process."""
    parts = {"before": "", "who": _SLEEPS, "beside": "", "main": _SLEEPS, **MOODS[mood]}
    parts = {name: part.format(marker=marker) for name, part in parts.items()}
    return ["/bin/sh", "-c", _TREE.format(marker=marker, **parts)]
