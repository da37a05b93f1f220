#!/usr/bin/env python3
"""Measure rowback beside what a user would do instead; print ratios and CPU seconds.

usage: bench.py BUILD_DIR          (make bench does it)

  BENCH_RUNS=3      medians of so many runs; 1 unless said
  BENCH_ROWS=N      rows of the database; 1,000,000 unless said
  BENCH_METHODS=A,B only these: rowback bare naive zstd restic borg bup
  BENCH_DIR=DIR     where to work; BUILD_DIR/bench unless said
  BENCH_KEEP=1      leave everything there

Every method gets a copy of the same data and a bare remote of its own on the same disk, and
goes through the same phases.  The cpu of a step is user + system time of all its processes;
the peak is that of its largest process.  Everything is written to disk (os.sync) before
each timed step.  docs/performance.md says more.  Ends with 1 when what rowback restored is
not what was backed up, or its store is not as clean as it has to be.
"""
import os
import platform
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import methods

PHASES = [
    ("first", "first backup", None),
    ("unchanged", "nothing changed", None),
    ("same", "file written, rows the same", "touch"),
    ("change", "0.1 % of rows changed", "change"),
    ("one", "one row changed", "change-one"),
]
MIB = 1 << 20
# ext4 does not use an inode again in the minutes after its file was deleted, and searches
# past such ones for each new file: after a big tree was deleted anywhere on the disk,
# making a file costs ten times as much.
FILE_MS_MAX = 0.3


def say(text):
    print(text, file=sys.stderr, flush=True)


class Bench:
    """Where things are, and how a command is run."""

    def __init__(self, build):
        self.build = os.path.abspath(build)
        self.dir = os.path.abspath(os.environ.get("BENCH_DIR") or os.path.join(build, "bench"))
        os.makedirs(self.dir, exist_ok=True)
        self.work = tempfile.mkdtemp(prefix="work-", dir=self.dir)
        self.rows = int(os.environ.get("BENCH_ROWS") or 1000000)
        self.runs = int(os.environ.get("BENCH_RUNS") or 1)
        self.make_data = os.path.join(self.build, "bench", "make_data")
        self.rowback = os.path.join(self.build, "rowback")
        self.failures = []
        self.env = self._environment()
        self.load = os.getloadavg()[0]
        self.file_ms = self._file_cost()

    def _environment(self):
        """Nobody's git configuration; what git would do in the background is waited for."""
        config = os.path.join(self.work, "gitconfig")
        with open(config, "w", encoding="ascii") as out:
            out.write("[user]\n\tname = bench\n\temail = bench@example.com\n"
                      "[init]\n\tdefaultBranch = main\n"
                      "[gc]\n\tautoDetach = false\n[maintenance]\n\tautoDetach = false\n")
        env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
        env["HOME"] = self.work
        env["LC_ALL"] = "C"
        env["GIT_CONFIG_NOSYSTEM"] = "1"
        env["GIT_CONFIG_GLOBAL"] = config
        return env

    def _file_cost(self):
        """Milliseconds that making a file takes; see FILE_MS_MAX."""
        folder = os.path.join(self.work, "files")
        text = b"x" * 24000
        os.mkdir(folder)
        start = time.monotonic()
        for number in range(500):
            with open(os.path.join(folder, "%d" % number), "xb") as out:
                out.write(text)
        return (time.monotonic() - start) * 1000 / 500

    def end(self):
        if not os.environ.get("BENCH_KEEP"):
            shutil.rmtree(self.work)

    def data(self, rows):
        """The database of so many rows, made when it is not there."""
        path = os.path.join(self.dir, "app-%d.db" % rows)
        if not os.path.exists(path) or os.path.getmtime(path) < os.path.getmtime(self.make_data):
            say("making %d rows" % rows)
            subprocess.run([self.make_data, path + ".tmp", str(rows)], check=True)
            os.rename(path + ".tmp", path)
        return path

    def quiet(self, argv, **more):
        """Run what is not measured; its output, or the end of the benchmark."""
        done = subprocess.run(argv, env=self.env, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, **more)
        if done.returncode != 0:
            raise RuntimeError("%s: exit %d\n%s" % (argv, done.returncode,
                                                    done.stderr.decode(errors="replace")))
        return done.stdout.decode(errors="replace")

    def measure(self, argv, cwd):
        """Run one step: {"wall", "cpu", "peak", "sent"} in s, s, bytes, bytes."""
        with open(os.path.join(self.work, "log"), "wb") as log:
            os.sync()
            start = time.monotonic()
            child = subprocess.Popen(argv, cwd=cwd, env=self.env, stdin=subprocess.DEVNULL,
                                     stdout=log, stderr=log)
            _, status, usage = os.wait4(child.pid, 0)
            wall = time.monotonic() - start
            child.returncode = os.waitstatus_to_exitcode(status)
        with open(log.name, encoding="utf-8", errors="replace") as text:
            output = text.read()
        if child.returncode != 0:
            raise RuntimeError("%s: exit %d\n%s" % (argv, child.returncode, output))
        return {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime,
                "peak": usage.ru_maxrss * 1024, "sent": bytes_sent(output)}

    def digest(self, db):
        """One digest a table and one of the schema, all made by the sqlite3 shell."""
        sql = ["SELECT '%s', hex(sha3_query('SELECT * FROM %s ORDER BY id', 256));" % (t, t)
               for t in methods.TABLES]
        sql.append("SELECT 'schema', hex(sha3_query('SELECT type, name, tbl_name, sql"
                   " FROM sqlite_schema ORDER BY type, name', 256));")
        lines = self.quiet(["sqlite3", "-readonly", db, "".join(sql)]).splitlines()
        return dict(line.split("|") for line in lines)

    def fail(self, what):
        say("FAILED: " + what)
        self.failures.append(what)


def bytes_sent(output):
    """What "git push --progress" says it wrote, or rowback --json says that it said."""
    own = re.search(r'"bytes_sent":\s*(\d+)', output)
    if own:
        return int(own.group(1))
    git = re.findall(r"Writing objects: 100% .*?, ([0-9.]+) (bytes|KiB|MiB|GiB) \|"
                     r"[^\r\n]*, done", output)
    unit = {"bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
    return sum(float(number) * unit[name] for number, name in git)


def tree_bytes(path):
    """Bytes of all files below, as they were written; 0 when there is nothing."""
    total = 0
    for where, _, names in os.walk(path or os.devnull):
        for name in names:
            total += os.lstat(os.path.join(where, name)).st_size
    return total


def measure_phase(bench, method, phase):
    """Save, then push: what each cost, and what was added by both."""
    before = tree_bytes(method.store), tree_bytes(method.remote)
    result = {"save": bench.measure(method.save(phase), method.dir)}
    result["store+"] = max(tree_bytes(method.store) - before[0], 0)
    if method.push():
        result["push"] = bench.measure(method.push(), method.dir)
    else:
        result["push"] = {"wall": 0, "cpu": 0, "peak": 0, "sent": 0}
    result["remote+"] = tree_bytes(method.remote) - before[1]
    method.check(bench, phase)
    return result


def change(bench, how, db):
    if how == "touch":
        bench.quiet(["sqlite3", db, "UPDATE users SET id = id WHERE id = 1"])
    elif how == "change":
        bench.quiet([bench.make_data, "--change", "1", db])
    elif how == "change-one":
        bench.quiet([bench.make_data, "--change-one", db])


def run_method(bench, method, data):
    """All phases of one method: {phase: result}."""
    results = {}
    os.makedirs(method.dir)
    shutil.copyfile(data, method.db)
    method.prepare(bench)
    for phase, title, how in PHASES:
        if phase not in method.phases:
            continue
        change(bench, how, method.db)
        results[phase] = measure_phase(bench, method, phase)
        say("%-22s %-30s %6.2f s" % (method.title, title, results[phase]["save"]["wall"] +
                                     results[phase]["push"]["wall"]))
    if "restore" in method.phases:
        new = os.path.join(method.dir, "restored.db")
        results["restore"] = {"save": bench.measure(method.restore(new), method.dir)}
        say("%-22s %-30s %6.2f s" % (method.title, "restore",
                                     results["restore"]["save"]["wall"]))
        compare(bench, method, new, results)
    method.finish(bench, results)
    discard(method.dir)
    return results


def discard(path):
    """Delete what is big; small files stay until the end, see FILE_MS_MAX."""
    if os.environ.get("BENCH_KEEP"):
        return
    for where, _, names in os.walk(path):
        for name in names:
            if os.lstat(os.path.join(where, name)).st_size >= MIB:
                os.unlink(os.path.join(where, name))


def compare(bench, method, new, results):
    source, restored = bench.digest(method.db), bench.digest(new)
    differing = [name for name in source if source[name] != restored.get(name)]
    results["differing"] = differing
    if differing and method.must_be_equal:
        bench.fail("%s: what was restored is not what was backed up: %s" %
                   (method.name, ", ".join(differing)))


def median(values):
    """Of dictionaries and numbers of the same shape; of anything else the last one."""
    if isinstance(values[0], dict):
        return {key: median([v[key] for v in values]) for key in values[0]}
    if isinstance(values[0], (int, float)):
        return statistics.median(values)
    return values[-1]


# ---------------------------------------------------------------------- output


def size(count):
    """Bytes for people: MB are 10^6."""
    if count >= 1e5:
        return "%.2f MB" % (count / 1e6)
    if count >= 1000:
        return "%.1f kB" % (count / 1e3)
    return "%d B" % count


def pair(step):
    return "%.2f / %.2f" % (step["wall"], step["cpu"]) if step["wall"] else "-"


def total(result, key):
    if key == "peak":
        return max(result["save"][key], result["push"][key])
    return result["save"][key] + result["push"][key]


def absolute_table(all_results, chosen):
    print("| phase | method | save: wall / cpu s | push: wall / cpu s | together: wall / cpu s"
          " | peak MiB: save, push | store + | remote + | sent |")
    print("|---|---|---|---|---|---|---|---|---|")
    for phase, title, _ in PHASES:
        for method in chosen:
            result = all_results[method.name].get(phase)
            if not result:
                continue
            print("| %s | %s | %s | %s | %.2f / %.2f | %d, %s | %s | %s | %s |" % (
                title, method.title, pair(result["save"]), pair(result["push"]),
                total(result, "wall"), total(result, "cpu"),
                round(result["save"]["peak"] / MIB),
                round(result["push"]["peak"] / MIB) if method.push() else "-",
                size(result["store+"]),
                size(result["remote+"]) if method.remote else "-",
                size(result["push"]["sent"]) if method.push() else "-"))
    for method in chosen:
        result = all_results[method.name].get("restore")
        if result:
            print("| restore | %s | %s | - | - | %d, - | - | - | - |" % (
                method.title, pair(result["save"]), round(result["save"]["peak"] / MIB)))


def ratio(other, own, small=0):
    """How many times ours the other's is; nothing where ours is next to nothing."""
    if own <= small:
        return "-"
    value = other / own
    return "%.1f" % value if value < 100 else "%d" % round(value)


def ratio_table(all_results, chosen):
    own = all_results.get("rowback")
    others = [m for m in chosen if m.name not in ("rowback", "bare")]
    if not own or not others:
        return
    print("\nTimes as much as rowback (a method that pushes is compared with backup and push, "
          "one that does not with `backup --no-push`):\n")
    print("| phase | method | wall | cpu | peak memory | store + | sent |")
    print("|---|---|---|---|---|---|---|")
    for phase, title in [(p, t) for p, t, _ in PHASES] + [("restore", "restore")]:
        for method in others:
            theirs, ours = all_results[method.name].get(phase), own.get(phase)
            if not theirs or not ours:
                continue
            if phase == "restore" or not method.push():
                wall, cpu, peak = [ratio(theirs["save"][k], ours["save"][k])
                                   for k in ("wall", "cpu", "peak")]
                sent = "-"
            else:
                wall, cpu, peak = [ratio(total(theirs, k), total(ours, k))
                                   for k in ("wall", "cpu", "peak")]
                sent = ratio(theirs["push"]["sent"], ours["push"]["sent"])
            stored = "-" if phase == "restore" else ratio(theirs["store+"], ours["store+"], 1000)
            print("| %s | %s | %s | %s | %s | %s | %s |" % (title, method.title, wall, cpu,
                                                          peak, stored, sent))


def machine():
    model = platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("model name"):
                    model = line.split(":", 1)[1].strip()
                    break
    except OSError:
        pass
    return "%d cores of %s, %s %s" % (os.cpu_count(), model, platform.system(),
                                      platform.release())


def remarks(bench, all_results, chosen):
    floor = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print("\nMachine: %s; load when begun %.1f; making a file takes %.2f ms%s; %s." % (
        machine(), bench.load, bench.file_ms,
        " (much: were many files deleted just now?)" if bench.file_ms > FILE_MS_MAX else "",
        "one run" if bench.runs == 1 else "medians of %d runs" % bench.runs))
    print("Data: %d rows, %s.  wall and cpu in seconds; cpu is user + system of all processes; "
          "peak of the largest process, %d MiB and less cannot be told apart." % (
              bench.rows, size(os.path.getsize(bench.data(bench.rows))), round(floor / MIB)))
    for method in chosen:
        differing = all_results[method.name].get("differing")
        if differing is not None:
            print("Restored by %s: %s." % (
                method.title, "not equal to the source: " + ", ".join(differing)
                if differing else "equal to the source (digests by the sqlite3 shell)"))
        for note in all_results[method.name].get("notes", []):
            print(note)


def memory_growth(bench):
    """Peaks of rowback with a tenth of the rows, as a remark."""
    small = methods.Rowback(os.path.join(bench.work, "small"), bench.rowback, name="small")
    small.phases = ("first", "restore")
    return run_method(bench, small, bench.data(max(bench.rows // 10, 1000)))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    bench = Bench(sys.argv[1])
    try:
        run(bench)
    except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
        sys.exit("bench: %s" % error)
    finally:
        bench.end()


def run(bench):
    data = bench.data(bench.rows)
    runs = []
    small = None
    for number in range(bench.runs):
        chosen = methods.chosen(bench, os.path.join(bench.work, "run-%d" % (number + 1)), say)
        runs.append({m.name: run_method(bench, m, data) for m in chosen})
    if any(m.name == "rowback" for m in chosen):
        small = memory_growth(bench)
    all_results = median(runs)
    absolute_table(all_results, chosen)
    ratio_table(all_results, chosen)
    remarks(bench, all_results, chosen)
    if small:
        big = all_results["rowback"]
        print("Peak memory of rowback with a tenth of the rows and with all: backup %d and "
              "%d MiB, restore %d and %d MiB." % tuple(
                  round(r[phase]["save"]["peak"] / MIB)
                  for phase in ("first", "restore") for r in (small, big)))
    if bench.failures:
        sys.exit("FAILED: " + "; ".join(bench.failures))


if __name__ == "__main__":
    main()
