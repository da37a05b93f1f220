"""What tests/cli/prune.sh compares with: rules of retention, and what a history is.

usage: prune_model.py history STORE REF          ids, and what must not change, as JSON
       prune_model.py policy HISTORY RULES       the ids that stay, newest first
       prune_model.py same BEFORE AFTER          the commits of AFTER are those of BEFORE

RULES is JSON: {"full": {"last": 3, "daily": 7}, "quick": {...}, "floor": 3, "pinned": [ids],
"drilled": [ids]}.  A plain reading of docs: nothing here comes from the program.
"""
import datetime
import json
import subprocess
import sys

FORMATS = {"hourly": "%Y%m%d%H", "daily": "%Y%m%d", "weekly": "%G%V", "monthly": "%Y%m",
           "yearly": "%Y"}


def history(store, ref):
    text = subprocess.run(
        ["git", "-C", store, "log", "-z", "--first-parent",
         "--format=%H%x01%P%x01%T%x01%an <%ae> %ad%x01%cn <%ce> %cd%x01%B"
         "%x01%(trailers:key=Backup-Id,valueonly)%x01%(trailers:key=Backup-Kind,valueonly)",
         "--date=raw", ref], check=True, stdout=subprocess.PIPE).stdout.decode("latin-1")
    names = ["commit", "parents", "tree", "author", "committer", "message", "id", "kind"]
    return [dict(zip(names, (part.rstrip("\n") if i > 5 else part
                             for i, part in enumerate(entry.split("\x01")))))
            for entry in text.split("\0") if entry]


def policy(commits, rules):
    backups = [c for c in commits if c["id"]]
    stays = {backups[0]["id"]} | set(rules.get("pinned", []))
    stays |= set(rules.get("drilled", [])[:1])
    stays |= {b["id"] for b in [b for b in backups if b["kind"] == "full"][:rules["floor"]]}
    for kind in ("full", "quick", "safety"):
        of_kind = [b for b in backups if b["kind"] == kind]
        own = rules.get(kind, {})
        if not own:
            stays |= {b["id"] for b in of_kind}
        stays |= {b["id"] for b in of_kind[:own.get("last", 0)]}
        when = {b["id"]: datetime.datetime.strptime(b["id"], "%Y%m%dT%H%M%SZ") for b in of_kind}
        for name, form in FORMATS.items():
            newest = {}
            for backup in of_kind:
                newest.setdefault(when[backup["id"]].strftime(form), backup["id"])
            stays |= set(list(newest.values())[:own.get(name, 0)])
        if "within" in own and of_kind:
            edge = when[of_kind[0]["id"]] - datetime.timedelta(seconds=own["within"])
            stays |= {i for i, at in when.items() if at >= edge}
    return [b["id"] for b in backups if b["id"] in stays]


def same(before, after):
    """Nothing but parents changed, and not even those before the first that went."""
    known = {c["id"]: c for c in before if c["id"]}
    left = {c["id"] for c in after if c["id"]}
    for commit in after:
        if not commit["id"]:
            continue
        old = known[commit["id"]]
        for name in ("tree", "author", "committer", "message", "kind"):
            assert commit[name] == old[name], (commit["id"], name)
    for old, new in zip(reversed(before), reversed(after)):
        if old["id"] not in left:
            break
        assert old["commit"] == new["commit"], (old["id"], "was rewritten without need")


if sys.argv[1] == "history":
    json.dump(history(sys.argv[2], sys.argv[3]), sys.stdout)
elif sys.argv[1] == "policy":
    with open(sys.argv[2]) as file:
        print("\n".join(policy(json.load(file), json.loads(sys.argv[3]))))
elif sys.argv[1] == "same":
    with open(sys.argv[2]) as old_file, open(sys.argv[3]) as new_file:
        same(json.load(old_file), json.load(new_file))
