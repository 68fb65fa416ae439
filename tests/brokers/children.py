"""Child processes that certainly end: with their parent, with a signal, or at the latest at the end."""

import ctypes
import os
import signal
import subprocess
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans():
    """Grandchildren whose parents die become our children, so that `kill_all` finds them."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)


def start(command, log, **options):
    """Starts a server in a session of its own (a terminal's Ctrl-C is not for it); when this process
    dies, however it dies, the kernel kills the server."""
    with open(log, "wb") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent,
            **options,
        )


def die_with_parent():
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def kill_all():
    """Kills and reaps every descendant, until there is none."""
    while pids := descendants(os.getpid()):
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        try:
            while os.waitpid(-1, 0):
                pass
        except ChildProcessError:
            pass


def descendants(pid):
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(child) for child in task.read_text().split()]
        except OSError:
            continue
        for child in children:
            found += [child, *descendants(child)]
    return found


def prctl(option, value):
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, int(value), 0, 0, 0)
