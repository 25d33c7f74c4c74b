"""A program that starts others and ignores SIGTERM; the second time it just says so.

It starts one in its own group, and one that flees into a session of its own, and writes the ids of
all three into the file ``pids`` of the folder that is its argument.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

folder = Path(sys.argv[1])
if (folder / "pids").exists():
    print("the second time")
    sys.exit()
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "600"])
fled = subprocess.Popen(["sleep", "600"], start_new_session=True)
(folder / "pids.part").write_text(f"{os.getpid()} {child.pid} {fled.pid}")
(folder / "pids.part").rename(folder / "pids")
print("serving", flush=True)
time.sleep(600)
