#!/usr/bin/env python3
"""Write a store's tree as docs/format.md says, without any code of rowback.

    reference.py DATABASE DIRECTORY

An oracle for tests: slow, all in memory, for UTF-8 databases whose virtual tables are FTS5 with
content and R-Tree.
"""
import base64
import hashlib
import json
import math
import os
import re
import sqlite3
import struct
import sys

MASK = (1 << 64) - 1
INLINE_MAX, LONG_ROW, INLINE_LONG_ROW, PART = 524288, 16777216, 1024, 33554432
SEGMENT_MEAN, SEGMENT_MAX, CHUNK_MAX, CHUNK_MIN = 524288, 8388608, 36864, 10240


class Real(float):
    """A real; integers are int, text is Text, bytes are bytes, NULL is None."""


class Text(bytes):
    """Text as it is stored."""


def utf8(data):
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def hash64(data):
    h = 0xCBF29CE484222325
    for byte in data:
        h = (h ^ byte) * 0x100000001B3 & MASK
    h = (h ^ h >> 33) * 0xFF51AFD7ED558CCD & MASK
    h = (h ^ h >> 33) * 0xC4CEB9FE1A85EC53 & MASK
    return h ^ h >> 33


# Section 2: directories of tables.

def form(name):
    if not name:
        return "%"
    low = name.lower()
    stem = low.split(b".")[0]
    reserved = (low in (b"schema.sql", b"schema.json")
                or stem in (b"con", b"prn", b"aux", b"nul", b"clock$", b"conin$", b"conout$")
                or re.fullmatch(rb"(com|lpt)[0-9]", stem))
    out = ""
    for i, byte in enumerate(name):
        char = chr(byte)
        plain = (re.fullmatch("[A-Za-z0-9_]", char) or (char == "-" and i > 0)
                 or (char == "." and 0 < i < len(name) - 1))
        out += char if plain and not (i == 0 and reserved) else "%%%02x" % byte
    if len(out) > 80:
        cut = 60
        for back in (1, 2):
            if out[60 - back] == "%":
                cut = 60 - back
                break
        out = out[:cut] + "%%%%%016x" % hash64(name)
    return out


# Section 3: documents.

def text_json(data):
    text = utf8(data)
    if text is None:
        return {"$text": base64.b64encode(data).decode()}
    return text


def document(value):
    def upper(match):
        return "\\u" + match.group(1).upper()

    text = json.dumps(value, indent=2, ensure_ascii=False)
    # Of the escapes only those of control bytes have digits.
    return re.sub(r"(?<!\\)(?:\\\\)*\\u([0-9a-f]{4})", lambda m: m.group(0)[:-6] + upper(m),
                  text).encode() + b"\n"


# Section 6: rows.

def member_name(column):
    if column["rowid"]:
        return "$rowid"
    text = utf8(column["name"])
    if text is None:
        return "$base64:" + base64.b64encode(column["name"]).decode()
    return "$" + text if text.startswith("$") else text


def real_text(real):
    if math.isinf(real):
        return '{"$real":"%s"}' % ("inf" if real > 0 else "-inf")
    digits, exponent = ("%r" % float(real)), 0
    sign = "-" if digits.startswith("-") else ""
    digits = digits.lstrip("-")
    if "e" in digits:
        digits, exponent = digits.split("e")[0], int(digits.split("e")[1])
    whole, _, fraction = digits.partition(".")
    point = len(whole) + exponent
    digits = (whole + fraction).lstrip("0")
    point -= len(whole + fraction) - len((whole + fraction).lstrip("0"))
    digits = digits.rstrip("0")
    if not digits:
        return sign + "0.0"
    if not 1e-5 <= abs(real) < 1e16:
        return "%s%s.%se%d" % (sign, digits[0], digits[1:] or "0", point - 1)
    if point <= 0:
        return sign + "0." + "0" * -point + digits
    digits = digits.ljust(point, "0")
    return sign + digits[:point] + "." + (digits[point:] or "0")


def string(text):
    return json.dumps(text, ensure_ascii=False).encode()


class Blobs:
    def __init__(self):
        self.files = {}

    def put(self, kind, data):
        name = hashlib.sha256(data).hexdigest()
        path = "blobs/%s/%s" % (name[:2], name)
        if len(data) <= PART:
            self.files[path] = data
        else:
            for n, at in enumerate(range(0, len(data), PART)):
                self.files["%s.%03d" % (path, n)] = data[at:at + PART]
        return b'{"$%s":"%s","size":%d}' % (kind, name.encode(), len(data))


def value_text(value, before, blobs):
    if isinstance(value, Real):
        return real_text(value).encode()
    if isinstance(value, int):
        return b"%d" % value
    is_long = len(value) > (INLINE_LONG_ROW if before > LONG_ROW else INLINE_MAX)
    if not isinstance(value, Text):
        return (blobs.put(b"blobfile", value) if is_long
                else b'{"$blob":"%s"}' % base64.b64encode(value))
    if utf8(value) is None:
        return (blobs.put(b"rawfile", bytes(value)) if is_long
                else b'{"$text":"%s"}' % base64.b64encode(value))
    return blobs.put(b"textfile", bytes(value)) if is_long else string(utf8(value))


def line_of(members, row, blobs):
    line = b"{"
    for member, value in zip(members, row):
        if value is not None:
            before = len(line)
            line += (b"," if before > 1 else b"") + string(member) + b":"
            line += value_text(value, before, blobs)
    return line + b"}\n"


# Section 7: keys.

def ordered_bits(real):
    bits = struct.unpack(">Q", struct.pack(">d", real if real else 0.0))[0]
    return bits ^ MASK if bits >> 63 else bits | 1 << 63


def floor_to_double(number):
    base = float(number)
    while int(base) > number:
        base = math.nextafter(base, -math.inf)
    return int(base)


def key_of(value):
    if value is None:
        return b"\x05"
    if isinstance(value, Real):
        return b"\x10" + ordered_bits(value).to_bytes(8, "big") + b"\0\0\1"
    if isinstance(value, int):
        base = floor_to_double(value)
        return (b"\x10" + ordered_bits(float(base)).to_bytes(8, "big")
                + (value - base).to_bytes(2, "big") + b"\0")
    tag = 0x30 if not isinstance(value, Text) else 0x21 if utf8(value) is None else 0x20
    return bytes([tag]) + value.replace(b"\0", b"\0\xff") + b"\0\1"


# Section 8: chunks.

def int_name(number):
    if number < 0:
        return "-%019d" % (number + (1 << 63))
    return "%010d" % number if number < 10**10 else "=%019d" % number


def escaped(data):
    out = ""
    for byte in data:
        char = chr(byte)
        if re.fullmatch("[0-9a-z_]", char):
            out += char
        elif "A" <= char <= "Z":
            out += "=" + char.lower()
        else:
            lead = "%" if byte < 0x30 else ";" if byte < 0x41 else "@" if byte < 0x5F else \
                "`" if byte < 0x61 else "~"
            out += "%s%02x" % (lead, byte)
    return out


def value_name(value):
    if value is None:
        return "%"
    if isinstance(value, Real):
        real = float(value) if value else 0.0
        bits = "%016x" % ordered_bits(real)
        if real < -2.0**63:
            return "+" + bits
        if real >= 2.0**63:
            return "=r" + bits
        return int_name(math.floor(real)) + "r" + bits
    if isinstance(value, int):
        return int_name(value)
    if not isinstance(value, Text):
        return "x" + value.hex()
    return ("_" if utf8(value) is not None else "`") + escaped(value)


def chunk_name(row):
    name = "#".join(value_name(value) for value in row["key_values"]) or "%"
    if row["key_values"] and isinstance(row["key_values"][-1], bytes):
        name += "#"
    if row["ordinal"]:
        number = row["ordinal"]
        name += "=%010d" % number if number < 10**10 else "==%020d" % number
    if len(name) > 80:
        name = name[:60] + "~~%016x" % row["hash"]
    return name


def segments(rows):
    segment, size = [], 0
    for row in rows:
        length = len(row["line"])
        begins = length >= SEGMENT_MEAN or row["hash"] // length < MASK // SEGMENT_MEAN
        if segment and (begins or size >= SEGMENT_MAX):
            yield segment
            segment, size = [], 0
        segment.append(row)
        size += length
    if segment:
        yield segment


def cut(part):
    size = sum(len(row["line"]) for row in part)
    if len(part) < 2 or size <= CHUNK_MAX:
        return [part]
    inner, before = [], 0
    for i, row in enumerate(part):
        if i > 0 and before >= CHUNK_MIN and size - before >= CHUNK_MIN:
            inner.append(i)
        before += len(row["line"])
    at = min(inner or range(1, len(part)), key=lambda i: part[i]["hash"])
    return cut(part[:at]) + cut(part[at:])


def chunks(rows):
    """Paths below rows/, and their bytes."""
    is_first, opened = True, []
    for segment in segments(rows):
        for part in cut(segment):
            h, name = part[0]["hash"], chunk_name(part[0])
            zeros = 60 if h == 0 else min((h & -h).bit_length() - 1, 60)
            rank = zeros // 6
            if rank and not is_first:
                opened = [(r, d) for r, d in opened if r > rank] + [(rank, name)]
            is_first = False
            path = "/".join([d for _, d in opened] + [name + ".jsonl"])
            yield path, b"".join(row["line"] for row in part)


# Sections 4 and 5: what SQLite says of a database.

def quote(name):
    return b'"' + name.replace(b'"', b'""') + b'"'


class Database:
    def __init__(self, path):
        self.db = sqlite3.connect(path)
        self.db.text_factory = Text

    def ask(self, sql, name=None):
        """Rows of a query; ? stands for a name, which need not be UTF-8."""
        if name is not None:
            sql = sql.replace("?", "CAST(x'%s' AS TEXT)" % name.hex())
        return self.db.execute(sql).fetchall()

    def setting(self, name):
        value = self.ask("PRAGMA " + name)[0][0]
        return value.decode() if isinstance(value, bytes) else str(value)


def load_columns(db, table):
    columns, places = [], {}
    for name, kind, not_null, default, place, hidden in db.ask(
            "SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo(?)",
            table["name"]):
        if hidden == 1:
            continue
        if kind.upper() in (b"ANY", b"BLOB", b"INT", b"INTEGER", b"REAL", b"TEXT"):
            kind = kind.upper()
        if place:
            places[place] = len(columns)
        columns.append({"rowid": False, "name": name, "not_null": bool(not_null),
                        "type": b"" if table["kind"] == "virtual" else kind, "default": default,
                        "generated": {2: "virtual", 3: "stored"}.get(hidden), "collation": None})
    return columns, [places[place] for place in sorted(places)]


def load_collations(db, table):
    """By an index over each column, in a copy of the table: no PRAGMA tells."""
    sql = db.ask("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?",
                 table["name"])[0][0]
    copy = sqlite3.connect(":memory:")
    copy.text_factory = Text
    try:
        copy.execute(sql.decode())
    except (sqlite3.Error, UnicodeDecodeError):
        return
    for n, column in enumerate(table["columns"]):
        if column["rowid"] or utf8(column["name"]) is None:
            continue
        copy.execute("CREATE INDEX i%d ON %s(%s)"
                     % (n, quote(table["name"]).decode(), quote(column["name"]).decode()))
        coll = copy.execute("SELECT coll FROM pragma_index_xinfo('i%d') LIMIT 1" % n).fetchone()[0]
        if coll.upper() != b"BINARY":
            column["collation"] = coll


def load_key(db, table, declared):
    columns = table["columns"]
    stored = [i for i, column in enumerate(columns) if not column["generated"]]
    table["may_repeat"] = False
    if table["kind"] == "virtual" and table["module"] == "rtree":
        columns[0]["not_null"] = True
        declared = [0]
    if declared and table["kind"] != "system":
        table["key_kind"], table["key"] = "primary", declared
        is_rowid = (len(declared) == 1 and columns[declared[0]]["type"].upper() == b"INTEGER"
                    and not db.ask("SELECT 1 FROM pragma_index_list(?) WHERE origin = 'pk'",
                                   table["name"]))
        for i in declared:
            if "WITHOUT ROWID" in table["options"] or is_rowid:
                columns[i]["not_null"] = True
            table["may_repeat"] |= not columns[i]["not_null"]
        return
    taken = [column["name"].lower() for column in columns]
    if table["kind"] == "virtual":
        taken.append(table["name"].lower())
    free = [name for name in (b"rowid", b"_rowid_", b"oid") if name not in taken]
    if not free or table["kind"] == "system":
        table.update(key_kind="row", key=stored, may_repeat=True)
        return
    columns.insert(0, {"rowid": True, "name": free[0], "type": b"", "not_null": True,
                       "default": None, "generated": None, "collation": None})
    table.update(key_kind="rowid", key=[0])


def load_foreign_keys(db, table):
    keys = {}
    for number, to_table, source, to, on_update, on_delete in db.ask(
            "SELECT id, \"table\", \"from\", \"to\", on_update, on_delete "
            "FROM pragma_foreign_key_list(?) ORDER BY id DESC, seq", table["name"]):
        key = keys.setdefault(number, {"columns": [], "table": text_json(to_table),
                                       "references": [], "onUpdate": text_json(on_update),
                                       "onDelete": text_json(on_delete)})
        key["columns"].append(text_json(source))
        if to is not None:
            key["references"].append(text_json(to))
    for key in keys.values():
        if not key["references"]:
            del key["references"]
    return list(keys.values())


def load_tables(db):
    listed = db.ask("SELECT name, type, wr, strict FROM pragma_table_list WHERE schema = 'main'")
    modules, notes = {}, {}
    for name, kind, _, _ in listed:
        if kind == b"virtual":
            sql = db.ask("SELECT sql FROM sqlite_schema WHERE name = ?", name)[0][0].decode()
            modules[name] = re.search(r"(?i)using\s+(\w+)", sql).group(1).lower()
            content = re.search(r"content\s*=\s*'([^']+)'", sql)
            if content:
                notes[name] = 'no rows of its own: rebuilt from "%s"' % content.group(1)
    tables = []
    for name, kind, without_rowid, strict in listed:
        options = ", ".join(word for word, is_set in (("WITHOUT ROWID", without_rowid),
                                                      ("STRICT", strict)) if is_set)
        table = {"name": bytes(name), "options": options, "note": notes.get(name),
                 "kind": {b"virtual": "virtual", b"shadow": "shadow"}.get(kind, "table"),
                 "module": modules.get(name)}
        if name.startswith(b"sqlite_"):
            table["kind"] = "system"
            if name not in (b"sqlite_sequence", b"sqlite_stat1") or \
                    not db.ask("SELECT 1 FROM " + name.decode()):
                continue
        if kind == b"view":
            continue
        if kind == b"shadow":
            owner = name.rpartition(b"_")[0]
            if modules.get(owner) != "fts5" or not name.endswith(b"_config"):
                continue
            table["note"] = 'settings of full-text table "%s"' % owner.decode()
        table["columns"], declared = load_columns(db, table)
        load_key(db, table, declared)
        if table["kind"] in ("table", "shadow"):
            load_collations(db, table)
        table["foreign_keys"] = load_foreign_keys(db, table)
        tables.append(table)
    return sorted(tables, key=lambda table: table["name"])


def renamed(db, table):
    """A copy in which a table and its columns have names that Python can say."""
    copy = Database(":memory:")
    db.db.backup(copy.db)
    names = [b"c%d" % i for i in range(len(table["columns"]))]
    copy.ask("PRAGMA writable_schema = ON")
    copy.ask("UPDATE sqlite_schema SET name = 'renamed', tbl_name = 'renamed', "
             "sql = 'CREATE TABLE renamed(%s)' WHERE name = ?" % ", ".join(
                 name.decode() for name, column in zip(names, table["columns"])
                 if not column["rowid"]), table["name"])
    copy.ask("PRAGMA writable_schema = RESET")
    columns = [dict(column, name=column["name"] if column["rowid"] else name)
               for name, column in zip(names, table["columns"])]
    return copy, dict(table, name=b"renamed", columns=columns)


def read_rows(db, table):
    if None in [utf8(column["name"]) for column in table["columns"] + [table]]:
        db, table = renamed(db, table)
    words = []
    for column in table["columns"]:
        if not column["generated"]:
            name = quote(column["name"]).decode()
            words += ["typeof(%s)" % name,
                      "CASE typeof(%s) WHEN 'text' THEN CAST(%s AS BLOB) ELSE %s END"
                      % (name, name, name)]
    wrap = {b"real": Real, b"text": Text}
    return [[None if row[i] == b"null" else wrap.get(row[i], lambda value: value)(row[i + 1])
             for i in range(0, len(row), 2)]
            for row in db.ask("SELECT %s FROM %s" % (", ".join(words),
                                                     quote(table["name"]).decode()))]


def sorted_rows(table, values, blobs):
    members = [member_name(column) for column in table["columns"] if not column["generated"]]
    stored = [i for i, column in enumerate(table["columns"]) if not column["generated"]]
    positions = [stored.index(i) for i in table["key"]]

    def order(row):
        zeros = bytes(not (isinstance(v, Real) and v == 0 and math.copysign(1, v) < 0) for v in row)
        return (b"".join(key_of(row[p]) for p in positions), b"".join(map(key_of, row)), zeros)

    rows, last = [], None
    for row in sorted(values, key=order):
        key = order(row)[0]
        ordinal = rows[-1]["ordinal"] + 1 if key == last else 0
        last = key
        rows.append({"line": line_of(members, row, blobs), "ordinal": ordinal,
                     "key_values": [row[p] for p in positions],
                     "hash": hash64(key + (ordinal.to_bytes(8, "big") if ordinal else b""))})
    return rows


def table_document(table):
    columns = []
    for column in table["columns"]:
        out = {"rowid": True} if column["rowid"] else {"name": text_json(column["name"])}
        for member, value in (("type", column["type"]), ("notNull", column["not_null"]),
                              ("generated", column["generated"]), ("default", column["default"]),
                              ("collation", column["collation"])):
            if value:
                out[member] = text_json(value) if isinstance(value, bytes) else value
        columns.append(out)
    doc = {"name": text_json(table["name"]), "kind": table["kind"]}
    for member in ("options", "note"):
        if table[member]:
            doc[member] = table[member]
    doc["columns"] = columns
    doc["key"] = {"kind": table["key_kind"],
                  "columns": [member_name(table["columns"][i]) for i in table["key"]]}
    if table["may_repeat"]:
        doc["key"]["mayRepeat"] = True
    if table["foreign_keys"]:
        doc["foreignKeys"] = table["foreign_keys"]
    return document(doc)


def schema_documents(db):
    names = ("application_id", "auto_vacuum", "encoding", "page_size", "user_version")
    settings = {name: db.setting(name) for name in names}
    shadows = {row[0] for row in db.ask("SELECT name FROM pragma_table_list WHERE type = 'shadow'")}
    kinds = [b"table", b"index", b"view", b"trigger"]
    found = [row for row in db.ask("SELECT type, name, tbl_name, sql FROM sqlite_schema "
                                   "WHERE sql IS NOT NULL")
             if not row[1].startswith(b"sqlite_") and row[1] not in shadows]
    objects = []
    script = (b"-- The schema of a SQLite database, as SQLite keeps it.\n"
              b"-- To make an empty copy: sqlite3 NEW.db < schema.sql\n")
    for name in ("page_size", "encoding", "auto_vacuum", "application_id", "user_version"):
        value = "'%s'" % settings[name] if name == "encoding" else settings[name]
        script += ("PRAGMA %s = %s;\n" % (name, value)).encode()
    for kind, name, table, sql in sorted(found, key=lambda row: (kinds.index(row[0]), row[1])):
        out = {"kind": kind.decode(), "name": text_json(name)}
        if table != name:
            out["table"] = text_json(table)
        out["sql"] = text_json(sql)
        objects.append(out)
        script += sql + (b"\n;\n" if b"--" in sql.rpartition(b"\n")[2] else b";\n")
    return document({"engine": "sqlite", "settings": settings, "objects": objects}), script


def write(root, path, data):
    path = os.path.join(root, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as out:
        out.write(data)


def main(path, root):
    db = Database(path)
    manifest = []
    for table in load_tables(db):
        blobs = Blobs()
        is_external = (table["note"] or "").startswith("no rows")
        rows = sorted_rows(table, [] if is_external else read_rows(db, table), blobs)
        base = "app/" + form(table["name"])
        write(root, base + "/table.json", table_document(table))
        for name, data in chunks(rows):
            write(root, base + "/rows/" + name, data)
        for name, data in blobs.files.items():
            write(root, base + "/" + name, data)
        manifest.append({"name": text_json(table["name"]), "path": form(table["name"]),
                         "rows": len(rows)})
    schema, script = schema_documents(db)
    write(root, "app/schema.json", schema)
    write(root, "app/schema.sql", script)
    write(root, "rowback.json", document(
        {"format": 1, "sources": {"app": {"engine": "sqlite", "tables": manifest}}}))


if __name__ == "__main__":
    main(*sys.argv[1:])
