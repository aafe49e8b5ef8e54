#!/usr/bin/env python3
"""One sweep by many runners that share nothing but a folder, as machines do on which file locks are refused.

    scripts/leases.py XP [--runners 16] [--kills 500]

Each runner has a process namespace and a host name of its own, is refused every file lock, and has its clock up to an
hour off. Runners are killed with all their children at any moment, and others start in their place. At the end every
trial must be recorded, and none may have run to its end twice. Needs Linux, root and a C compiler; where they are
missing, that is said, with exit 0.
"""
import argparse
import collections
import glob
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

# Refuses locks as NFS does without its lock manager, and tells another time of day.
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>
int flock(int file, int how) { errno = ENOLCK; return -1; }
int clock_gettime(clockid_t clock, struct timespec *now) {
  static int (*told)(clockid_t, struct timespec *);
  if (!told) told = dlsym(RTLD_NEXT, "clock_gettime");
  int result = told(clock, now);
  const char *skew = getenv("SKEW");
  if (clock == CLOCK_REALTIME && skew) now->tv_sec += atol(skew);
  return result;
}
"""
NAMESPACES = ["unshare", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"]
# A trial of these takes a fraction of a second, so that there must be enough of them for all the kills.
SWEEP = ["unified", "--scale", "smoke"]


def seeds(kills):
    return ["--set", f"seeds={list(range(1, kills // 8 + 3))}", "--set", 'axes={strategy=["top1"]}']


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(0)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("xp")
    arguments.add_argument("--runners", type=int, default=16)
    arguments.add_argument("--kills", type=int, default=500)
    arguments.add_argument("--seed", type=int, default=1)
    asked = arguments.parse_args()
    xp = os.path.realpath(asked.xp)
    compiler = shutil.which("cc")
    if not compiler:
        skip("no C compiler")
    if subprocess.run([*NAMESPACES, "hostname", "n0"], capture_output=True).returncode != 0:
        skip("namespaces of their own need root and Linux")
    random.seed(asked.seed)
    lab = tempfile.mkdtemp(prefix="leases-")
    try:
        run(xp, compiler, lab, asked)
    finally:
        shutil.rmtree(lab, ignore_errors=True)


def run(xp, compiler, lab, asked):
    shim = os.path.join(lab, "shim.so")
    source = os.path.join(lab, "shim.c")
    with open(source, "w") as file:
        file.write(SHIM)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", shim, source, "-ldl"], check=True)
    root = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    places = ["--experiments", os.path.join(root, "experiments"), "--work", f"{lab}/work", "--results", f"{lab}/results"]
    sweep = [*SWEEP, *seeds(asked.kills), *places]
    environment = dict(os.environ, LD_PRELOAD=shim, SWITCHYARD_CLAIMS="leases:2")

    # Without being told, a folder in which locks are refused has leases.
    told = dict(environment)
    del told["SWITCHYARD_CLAIMS"]
    elsewhere = ["--experiments", os.path.join(root, "experiments"), "--work", f"{lab}/probe", "--results", f"{lab}/probed"]
    subprocess.run([xp, "sweep", *SWEEP, "--set", "seeds=[1]", *elsewhere], env=told, capture_output=True)
    with open(glob.glob(f"{lab}/probe/unified/*/claims/kind")[0]) as file:
        kind = file.read()
    assert kind == "leases 60\n", f"the probe chose {kind!r}"

    planned = subprocess.run([xp, "plan", *sweep], env=environment, capture_output=True, text=True).stdout
    print(planned.splitlines()[0] if planned else "", flush=True)
    running, outputs, numbers = {}, [], iter(range(10**9))

    def start():
        number = next(numbers)
        output = open(f"{lab}/out-{number}", "w")
        outputs.append(output.name)
        command = f'hostname n{number % asked.runners}; exec "$@"'
        skew = str(random.randint(-3600, 3600))
        process = subprocess.Popen(
            [*NAMESPACES, "sh", "-c", command, "sh", xp, "sweep", *sweep, "--jobs", "1", "--no-report"],
            env=dict(environment, SKEW=skew), stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        )
        running[process.pid] = process

    begun, kills = time.monotonic(), 0
    while kills < asked.kills:
        for pid in [pid for pid, process in running.items() if process.poll() is not None]:
            del running[pid]
        if not running and kills:
            break
        while len(running) < asked.runners:
            start()
        time.sleep(random.expovariate(1 / 0.15))
        victim = random.choice(list(running))
        os.kill(victim, signal.SIGKILL)
        running.pop(victim).wait()
        kills += 1
    while running:
        for pid in [pid for pid, process in running.items() if process.poll() is not None]:
            del running[pid]
        time.sleep(0.1)
    # Whoever comes last finds what no killed runner was able to finish.
    last = subprocess.run([xp, "sweep", *sweep, "--jobs", "2"], env=environment, capture_output=True, text=True)
    if last.returncode != 0:
        sys.exit(f"the last runner: exit {last.returncode}\n{last.stdout}{last.stderr}")
    judge(xp, sweep, environment, outputs, last, kills, time.monotonic() - begun)


def judge(xp, sweep, environment, outputs, last, kills, seconds):
    done = collections.Counter()
    for name in outputs:
        with open(name) as file:
            done.update(finished(file.read()))
    done.update(finished(last.stdout + last.stderr))
    plan = subprocess.run([xp, "plan", *sweep], env=environment, capture_output=True, text=True)
    twice = {trial: count for trial, count in done.items() if count > 1}
    assert not twice, f"ran to their end more than once: {twice}"
    assert plan.returncode == 0, f"trials are not done:\n{plan.stdout}"
    print(f"{kills} kills in {seconds:.0f} s; {len(done)} trials said that they were done, none twice")


def finished(text):
    """The trials that a runner saw to their end itself."""
    for line in text.splitlines():
        words = line.replace("[", " ").replace("]", " ").split()
        if ": done in " in line:
            yield next(word for word in words if len(word) == 12 and all(c in "0123456789abcdef" for c in word))


if __name__ == "__main__":
    main()
