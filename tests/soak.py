"""What becomes of runs that are killed, of full and read-only disks, of hostile files and of lost hosts: `make soak` (about an hour of two cores).

    python tests/soak.py [kills|disk|files|hosts|page ...] [--kills 100] [--folder build/soak]

Every run is of the command line's own functions, in a process of its own, as small as it works. Nothing may be lost: a run that is gone
on with begins at its newest complete checkpoint, and ends in the bits of one that was never broken. Whatever is refused is refused in
one line. The figures of each part are kept in the folder, and `page` writes them to docs/reliability.md; a part that fails ends with code 1.
"""

import argparse
import contextlib
import ctypes
import hashlib
import json
import os
import platform
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import hostile
import numpy as np
from hostile import Broken, judge

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")          # what is compiled much and computes little
os.environ.setdefault("GLIBC_TUNABLES", "")                          # a program does not start anew for huge pages

SETTINGS = """
from dataclasses import replace
import experiments
from unsup_jax.data import Phantoms
from unsup_jax.train import Train

found = experiments.load({name!r})
method = replace(found.method.tiny(), {changes})
data = replace(found.data, source=Phantoms(count=8, shape=(32, 32)), patch=found.data.patch and 16)
train = Train(steps=60, batch=4, checkpoint_every=4, log_every=4, validation_batches=1)
experiment = replace(found, method=method, data=data, references=(), analysis=None, trust=None, train=train)
"""
KINDS = {
    "learned": ("n2v_tissue", ""),
    "solved for each measurement": ("dip_nuclei", "steps=200"),
    "adversarial": ("wgan_filaments", ""),
    "variational": ("vae_particles", ""),
}
CHECKPOINTED = [kind for kind in KINDS if kind != "solved for each measurement"]


def begin_child(arguments, log, *, before=None):
    """A process that performs a command line: its id. What it prints goes to a log."""
    sys.stdout.flush()
    if pid := os.fork():
        return pid
    code = 70
    try:
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        os.dup2(out, 1), os.dup2(out, 2)
        sys.stdout, sys.stderr = (open(number, "w", closefd=False) for number in (1, 2))  # the parent's may be of another kind of file
        if before is not None:
            before()
        from experiments.__main__ import main

        code = main([str(a) for a in arguments])
        if code == 0 and arguments[0] in ("run", "resume"):
            leave_bits(Path(arguments[1] if arguments[0] == "resume" else arguments[arguments.index("--out") + 1]))
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush(), sys.stderr.flush()
        os._exit(code)


def watch():
    """In the child: solutions are saved often, compiled programs all kept, and which checkpoint a run begins with is told."""
    import jax

    from unsup_jax import inference
    from unsup_jax.train import parallel
    from unsup_jax.train.checkpoint import Checkpoints

    inference.SAVED_EVERY = 0.2
    configure, restore = parallel.configure, Checkpoints.restore

    def configured():
        configure()
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)

    parallel.configure = configured

    def told(self, like, step=None):
        found = restore(self, like, step)
        if step is None:
            print(f"restored {0 if found is None else found[0]}", flush=True)
        return found

    Checkpoints.restore = told


def leave_bits(folder):
    """A digest of what a run came to, in its folder."""
    import jax

    from unsup_jax.runs import experiment_of, load_trained

    _, found = experiment_of(folder, None)
    digest = hashlib.sha256()
    if found.method.scope == "dataset":
        state, _ = load_trained(found.method, found.train, folder)
        arrays = [np.asarray(leaf) for leaf in jax.tree.leaves(state)]
    else:
        arrays = [np.load(path)["estimate"] for path in sorted(folder.rglob("answer-*.npz"))]
    for array in arrays:
        digest.update(array.tobytes())
    (folder / "bits").write_text(f"{len(arrays)} {digest.hexdigest()}")


def finish(pid, log, seconds=None):
    """(exit code, seconds) of a child that may run so long, and is then killed; negative is the signal."""
    began = time.monotonic()
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status), time.monotonic() - began
        if seconds is not None and time.monotonic() - began > seconds:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return -signal.SIGKILL, time.monotonic() - began
        time.sleep(0.02)


def check_words(log, code):
    """Of a run that ended by itself: no traceback, and where it failed one line that says why."""
    text = Path(log).read_text(errors="replace")
    errors = [line for line in text.splitlines() if line.startswith("error:")]
    if "Traceback" in text or code not in (0, 1, 2) or (code != 0) != (len(errors) == 1):
        raise Broken(f"exit code {code} with {len(errors)} lines of error:\n{text[-3000:]}")
    return errors[0] if errors else ""


def newest(folder):
    """The newest complete checkpoint on the disk, 0 where there is none."""
    steps = [int(p.parent.name) for p in folder.rglob("checkpoints/*/_CHECKPOINT_METADATA") if p.parent.name.isdigit()]
    return max(steps, default=0)


def command(kind, folder, settings):
    """What begins a run, or goes on with it."""
    return ["resume", folder] if (folder / "config.json").exists() else ["run", settings, "--out", folder]


def settings_of(kind, base):
    """The file of a tiny experiment of a kind."""
    name, changes = KINDS[kind]
    place = base / f"{re.sub(r'[^a-z]+', '_', kind)}.py"
    place.write_text(SETTINGS.format(name=name, changes=changes))
    return place


def unbroken(kind, base):
    """(settings, bits, seconds) of a run that nothing happens to."""
    settings, folder, log = settings_of(kind, base), base / "whole", base / "whole.log"
    for attempt in range(2):                                         # the first one compiles
        shutil.rmtree(folder, ignore_errors=True)
        code, seconds = finish(begin_child(["run", settings, "--out", folder], log, before=watch), log)
        check_words(log, code)
        if code != 0:
            raise Broken(Path(log).read_text())
    return settings, (folder / "bits").read_text(), seconds


def kills(kind, count, base, seed=0):
    """kill -9 at random moments from the start of a run to its report, and a resume after each."""
    base.mkdir(parents=True, exist_ok=True)
    settings, bits, seconds = unbroken(kind, base)
    generator, folder, log = np.random.default_rng(seed), base / "run", base / "run.log"
    shutil.rmtree(folder, ignore_errors=True)
    killed = restored = finished = 0
    while killed < count or folder.exists():
        known, wait = newest(folder), generator.uniform(0, 1.1 * seconds) if killed < count else None
        code, _ = finish(begin_child(command(kind, folder, settings), log, before=watch), log, wait)
        said = re.search(r"^restored (\d+)$", Path(log).read_text(errors="replace"), re.M)
        if said and int(said[1]) != known:
            raise Broken(f"{kind}: began at step {said[1]}, where {known} was complete")
        restored += bool(said and known)
        if code == -signal.SIGKILL:
            killed += 1
            if "Traceback" in Path(log).read_text(errors="replace"):
                raise Broken(Path(log).read_text())
            continue
        check_words(log, code)
        if code != 0 or (folder / "bits").read_text() != bits:
            raise Broken(f"{kind}: after kills the run ended with code {code}, in other bits:\n{Path(log).read_text()[-2000:]}")
        finished += 1
        shutil.rmtree(folder)
        print(f"{kind}: {killed} kills, {finished} runs ended in the unbroken run's bits", flush=True)
    return {"kills": killed, "restored": restored, "finished": finished, "seconds": round(seconds, 1)}


def disk(kind, base, seed=0):
    """A disk that is full at random moments of a run: a limit to the size of files, of 1 byte to 40 kB; then room again, and a resume.

    And a folder that may not be written to: a run into it, and a resume of what it holds.
    """
    base.mkdir(parents=True, exist_ok=True)
    settings, bits, _ = unbroken(kind, base)
    generator, folder, log = np.random.default_rng(seed), base / "run", base / "run.log"
    refused = finished = 0
    for most in np.exp(generator.uniform(0, np.log(40_000), 6)).astype(int):
        shutil.rmtree(folder, ignore_errors=True)

        def full(most=int(most)):
            watch()
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))

        pipe = base / "full.log"
        with piped(pipe) as end:
            code, _ = finish(begin_child(command(kind, folder, settings), end, before=full), pipe)
        refused += bool(check_words(pipe, code))
        code, _ = finish(begin_child(command(kind, folder, settings), log, before=watch), log)
        check_words(log, code)
        if code != 0 or (folder / "bits").read_text() != bits:
            raise Broken(f"{kind}: with room again the run ended with code {code}:\n{Path(log).read_text()[-2000:]}")
        finished += 1
    protected = 0
    for place in (base / "closed" / "new", folder):
        place.parent.mkdir(exist_ok=True)
        shutil.copy(settings, place.parent / settings.name)
        for path in [place.parent, *place.parent.rglob("*")]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        with piped(pipe) as end:
            code, _ = finish(begin_child(command(kind, place, place.parent / settings.name), end, before=lambda: (obey_permissions(), watch())), pipe)
        error = check_words(pipe, code)
        for path in [place.parent, *place.parent.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        if place != folder and not error:
            raise Broken(f"{kind}: a run in a folder that is read-only ended without a word")
        protected += 1
        if place == folder and (folder / "bits").read_text() != bits:
            raise Broken(f"{kind}: a resume in a read-only folder changed what it holds")
    return {"full": refused, "finished": finished, "read_only": protected}


def obey_permissions():
    """Root writes where nobody may; not without this capability (CAP_DAC_OVERRIDE), on Linux."""
    held = int(re.search(r"^CapEff:\s+(\w+)", Path("/proc/self/status").read_text(), re.M)[1], 16) & ~2
    low, high = held & 0xFFFFFFFF, held >> 32
    header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)(low, low, 0, high, high, 0)
    if ctypes.CDLL(None, use_errno=True).capset(header, sets):
        raise OSError(ctypes.get_errno(), "capset")


@contextlib.contextmanager
def piped(place):
    """A device file whose text is kept at a place, for a child that may write no file."""
    read, write = os.pipe()
    reader = subprocess.Popen(["cat"], stdin=read, stdout=place.open("wb"))
    os.close(read)
    yield f"/proc/self/fd/{write}"
    os.close(write)
    reader.wait()


def hosts(base):
    """Two processes of a training, one of which is killed: what the other one says, and a restart of both."""
    base.mkdir(parents=True, exist_ok=True)
    settings = settings_of("learned", base)
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=1", "PYTHONPATH": str(ROOT)}

    def both(folder, word):
        with socket.socket() as probe:
            probe.bind(("localhost", 0))
            port = probe.getsockname()[1]
        start = [word, folder] if word == "resume" else [word, settings, "--out", folder, "--train.steps", "400"]
        processes = []
        for i in (0, 1):
            shared = ["--coordinator", f"localhost:{port}", "--processes", "2", "--process", str(i)]
            processes.append(subprocess.Popen(
                [sys.executable, "-m", "experiments", *map(str, start), *shared], cwd=ROOT, env=environment,
                stdout=(base / f"{word}-{i}.log").open("w"), stderr=subprocess.STDOUT))
        return processes

    def bits(folder):
        pid = begin_child(["resume", folder], base / "bits.log", before=watch)
        code, _ = finish(pid, base / "bits.log")
        check_words(base / "bits.log", code)
        return (folder / "bits").read_text()

    for name in ("whole", "run"):
        shutil.rmtree(base / name, ignore_errors=True)
    for process in both(base / "whole", "run"):
        if process.wait(timeout=900):
            raise Broken("\n".join((base / f"run-{i}.log").read_text()[-2000:] for i in (0, 1)))
    found = []
    for lost in (1, 0):
        shutil.rmtree(base / "run", ignore_errors=True)
        processes = both(base / "run", "run")
        while newest(base / "run") < 40:
            time.sleep(0.05)
            if any(process.poll() is not None for process in processes):
                raise Broken((base / "run-0.log").read_text()[-3000:])
        processes[lost].kill()
        began = time.monotonic()
        code = processes[1 - lost].wait(timeout=300)
        seconds = time.monotonic() - began
        try:
            error = check_words(base / f"run-{1 - lost}.log", code) or f"nothing, and ended with code {code}"
        except Broken:                                               # JAX's coordination service ends the process itself
            error = f"no line of ours, but a trace of JAX's coordination service, and ended with code {code}"
        known = newest(base / "run")
        for process in both(base / "run", "resume"):
            if process.wait(timeout=900):
                raise Broken((base / "resume-0.log").read_text()[-3000:])
        if bits(base / "run") != bits(base / "whole"):
            raise Broken("after a host was lost the run ended in other bits")
        found.append({"lost": lost, "seconds": round(seconds, 1), "said": error, "step": known})
    return found


def page(folder):
    """Write what was found to docs/reliability.md; parts that were not performed are named."""
    found = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
    parts = {part: [one["found"] for name, one in found.items() if name.split("-")[0] == part] for part in ("kills", "disk", "files", "hosts")}
    if not found:
        raise Broken(f"{folder} holds no figures; perform a part first")
    versions = {name: next(iter(found.values()))[name] for name in ("python", "system", "unsup_jax", "jax", "orbax-checkpoint", "numpy")}
    dates = sorted({one["date"] for one in found.values()})
    table = lambda head, rows: ["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *("| " + " | ".join(map(str, row)) + " |" for row in rows), ""]
    lines = ["# Reliability", "", f"Written by `make soak` on {' and '.join(dates)}: " + ", ".join(f"{n} {v}" for n, v in versions.items()) + ".", "",
             "Nothing may be lost: a run that is gone on with begins at its newest complete checkpoint, and ends in the bits of one that was never "
             "broken. Whatever is refused is refused in one line, without a traceback. `make soak` stops at the first fault, so that what "
             "stands here held every time.", ""]
    if parts["kills"]:
        lines += ["## Killed", "", "`kill -9` at random moments from the start of a run to its report, and `resume` after each.", "",
                  *table(["run", "kills", "restarts from a checkpoint", "runs that ended, in the unbroken run's bits"],
                         [[one["kind"], one["kills"], one["restored"] if one["kind"] in CHECKPOINTED else "its answers and solutions are kept", one["finished"]]
                          for one in parts["kills"]])]
    if parts["disk"]:
        lines += ["## A full disk, a folder that is read-only", "", "Files that may grow no further, of 1 byte to 40 kB; then room again, and "
                  "`resume`. A new run into a read-only folder, and `resume` of a finished one there.", "",
                  *table(["run", "refused in one line", "ended after that, in the unbroken run's bits", "read-only"],
                         [[one["kind"], one["full"], one["finished"], one["read_only"]] for one in parts["disk"]])]
    if parts["files"]:
        rows = parts["files"][0]
        lines += ["## Hostile files", "", f"{sum(row[1] for row in rows)} files of 15 kinds of format, each given to its instrument's reader in a process of its own, "
                  f"of {hostile.SECONDS} seconds and {hostile.BYTES // 2**20} MB. Of files with a few bytes changed some are still images.", "",
                  *table(["what", "files", "refused in one line", "read"], [[row[0], row[1], row[3], row[2]] for row in rows])]
    if parts["hosts"]:
        lines += ["## A lost host", "", "Two processes train one model, and one is killed; then both are started again, and end in the unbroken run's bits.", "",
                  *table(["lost", "the other one ended after", "it said", "newest checkpoint then"],
                         [[f"process {one['lost']}", f"{one['seconds']} s", one["said"], f"step {one['step']}"] for one in parts["hosts"][0]])]
    if missing := [part for part, rows in parts.items() if not rows]:
        lines += [f"Not performed to the end yet: {', '.join(missing)}.", ""]
    (ROOT / "docs" / "reliability.md").write_text("\n".join(lines))


def main():
    """Perform the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=["kills", "disk", "files", "hosts", "page"])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--kinds", nargs="*", default=list(KINDS))
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "soak")
    given = parser.parse_args()
    folder = given.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    import experiments._commands  # noqa: F401  that a child need not import it

    def keep(name, found):
        versions = {"date": time.strftime("%Y-%m-%d"), "python": platform.python_version(), "system": platform.system(), **installed()}
        (folder / f"{name}.json").write_text(json.dumps({"found": found, **versions}, indent=2))
        print(f"{name}: {found}", flush=True)

    try:
        for part in given.parts:
            for number, kind in enumerate(given.kinds if part in ("kills", "disk") else ()):
                name = f"{part}-{re.sub(r'[^a-z]+', '_', kind)}"
                if part == "kills":
                    share = given.kills // len(KINDS) + (number < given.kills % len(KINDS))
                    keep(name, {"kind": kind, **kills(kind, share, folder / name)})
                else:
                    keep(name, {"kind": kind, **disk(kind, folder / name)})
            if part == "files":
                keep("files", judge(folder / "files"))
            if part == "hosts":
                keep("hosts", hosts(folder / "hosts"))
            if part == "page":
                page(folder)
    except Broken as error:
        sys.exit(f"broken: {error}")


def installed():
    """The versions of what the runs are made of."""
    from importlib.metadata import version

    import unsup_jax

    return {"unsup_jax": unsup_jax.__version__} | {name: version(name) for name in ("jax", "orbax-checkpoint", "numpy")}


if __name__ == "__main__":
    main()
