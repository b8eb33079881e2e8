"""What else there is, each as its documentation says, with a grace of one second and as few waits as it allows."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import attrs

from benchmarks.contestant import Contestant, Daemon, Driven, Kind, Running, Wanted, python
from benchmarks.workshop import HERE, Workshop


def executable(name: str) -> str:
    """Where a program is; the environment that runs us first. Empty: nowhere."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return shutil.which(name, path=path) or ""


@attrs.frozen
class Peer:
    """A program that keeps others running."""

    name: str
    program: str
    most: int = 1000
    restarts: bool = True
    kind: Kind = Kind.PEER

    def missing(self) -> str:
        """Why it cannot take part here."""
        return "" if executable(self.program) else f"{self.program} is not installed"

    def prepare(self, wanted: Wanted) -> Running:
        """Write its configuration."""
        raise NotImplementedError


class Supervisord(Peer):
    """supervisord, http://supervisord.org."""

    def prepare(self, wanted: Wanted) -> Running:
        """One program with many processes."""
        config = f"""
[supervisord]
nodaemon = true
logfile = {wanted.directory}/supervisord.log
pidfile = {wanted.directory}/supervisord.pid
childlogdir = {wanted.directory}
minfds = {3 * wanted.count + 100}

[program:c]
command = {" ".join(wanted.command)}
process_name = c%(process_num)d
numprocs = {wanted.count}
autorestart = true
startsecs = 0
startretries = 1000000
stopwaitsecs = 1
"""
        file = _write(wanted.directory / "supervisord.conf", config)
        return Daemon([executable(self.program), "-c", file], [], wanted)


class Circus(Peer):
    """circusd, https://circus.readthedocs.io."""

    def prepare(self, wanted: Wanted) -> Running:
        """One watcher with many processes."""
        config = f"""
[circus]
endpoint = ipc://{wanted.directory}/endpoint
pubsub_endpoint = ipc://{wanted.directory}/pubsub
statsd = false
check_delay = 0.05

[watcher:c]
cmd = {" ".join(wanted.command)}
numprocesses = {wanted.count}
copy_env = true
warmup_delay = 0
graceful_timeout = 1
max_retry = -1
"""
        file = _write(wanted.directory / "circus.ini", config)
        return Daemon([executable(self.program), file], [], wanted)


class Honcho(Peer):
    """honcho, https://honcho.readthedocs.io: a process in Python for each child, so there are few. Restarts nothing."""

    def prepare(self, wanted: Wanted) -> Running:
        """One process type, many times."""
        file = _write(wanted.directory / "Procfile", f"c: exec {' '.join(wanted.command)}\n")
        return Daemon([executable(self.program), "-f", file, "start", "-c", f"c={wanted.count}"], [], wanted)


class Runit(Peer):
    """runsvdir, http://smarden.org/runit: a runsv for each child."""

    def prepare(self, wanted: Wanted) -> Running:
        """A directory for each."""
        services = _services(wanted, {})
        # The shell's: so many words are too long for a command line.
        stop = f"kill -TERM {{pid}}; cd {services} && printf '%s\\0' * | SVDIR=. xargs -0 sv -w 1 force-shutdown"
        return Daemon([executable(self.program), "-P", str(services)], [["sh", "-c", stop]], wanted)


class S6(Peer):
    """s6-svscan, https://skarnet.org/software/s6: an s6-supervise for each child."""

    def prepare(self, wanted: Wanted) -> Running:
        """A directory for each."""
        services = _services(wanted, {"timeout-kill": "1000\n"})
        command = [executable(self.program), "-c", str(wanted.count + 1), str(services)]
        return Daemon(command, [[executable("s6-svscanctl"), "-t", str(services)]], wanted)


class Pm2(Peer):
    """pm2, https://pm2.keymetrics.io: a daemon in JavaScript."""

    def prepare(self, wanted: Wanted) -> Running:
        """One application with many instances."""
        application = {
            "name": "c",
            "script": wanted.command[0],
            "args": list(wanted.command[1:]),
            "interpreter": "none",
            "exec_mode": "fork",
            "instances": wanted.count,
            "kill_timeout": 1000,
            "max_restarts": 1_000_000,
        }
        file = _write(wanted.directory / "pm2.config.json", json.dumps({"apps": [application]}))
        home = attrs.evolve(wanted, environment={**wanted.environment, "PM2_HOME": str(wanted.directory / "pm2")})
        pm2 = executable(self.program)
        return Daemon([pm2, "start", "--no-daemon", file], [[pm2, "kill"]], home)


@attrs.frozen
class Erlang(Peer):
    """A supervisor of OTP with a port for each child, see `ports.erl`."""

    shop: Workshop = attrs.field(kw_only=True)

    def missing(self) -> str:
        """Why it cannot take part here."""
        return "" if executable("erl") and executable("erlc") else "erl or erlc is not installed"

    def prepare(self, wanted: Wanted) -> Running:
        """Compile the module, and start a node."""
        if not (self.shop.directory / "ports.beam").exists():
            subprocess.run(["erlc", "-o", str(self.shop.directory), str(HERE / "ports.erl")], check=True)
        command = [*("erl", "-noshell", "-pa", str(self.shop.directory)), *("-run", "ports", "main")]
        return Driven(self.name, Kind.PEER, command).prepare(wanted)


def peers(shop: Workshop) -> list[Contestant]:
    """All that we know of."""
    is_missing = "" if find_spec("mirakuru") else "mirakuru is not installed"
    return [
        Erlang("Erlang", "erl", shop=shop),
        Supervisord("supervisord", "supervisord"),
        Circus("circus", "circusd"),
        Honcho("honcho", "honcho", most=100, restarts=False),
        Driven("mirakuru", Kind.PEER, python("mirakuru_loop"), most=100, restarts=False, is_missing=is_missing),
        Runit("runit", "runsvdir"),
        S6("s6", "s6-svscan"),
        Pm2("pm2", "pm2"),
    ]


def _services(wanted: Wanted, files: dict[str, str]) -> Path:
    """A directory with a service in it for each child."""
    services = wanted.directory / "services"
    for number in range(wanted.count):
        service = services / f"c{number}"
        service.mkdir(parents=True)
        (service / "run").write_text(wanted.script)
        (service / "run").chmod(0o755)
        for name, text in files.items():
            (service / name).write_text(text)
    return services


def _write(file: Path, text: str) -> str:
    file.write_text(text)
    return str(file)
