#!/usr/bin/env python3
"""Checks a bundle of evidence: a second verifier, written from docs/evidence.md alone.

    pip install cryptography
    python3 verify.py FILE --key KEY [--witness-key KEY]... [--document FILE]... [--receipt FILE] [--output json]

It shares no code with clicktrail. Python's standard library and one package for Ed25519 are all that it needs. It holds
the bundle in memory, so it is for bundles that fit there. Exit codes: 0 all is proved, 2 integrity, 3 incomplete,
4 arithmetic, 5 untrusted, 6 unreadable, 7 the promise of the receipt is broken.
"""

import argparse
import base64
import bisect
import datetime
import hashlib
import json
import os
import re
import struct
import sys
import unicodedata
import zlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

INTEGRITY, INCOMPLETE, ARITHMETIC, UNTRUSTED, UNREADABLE, BROKEN = 2, 3, 4, 5, 6, 7
KINDS = {2: "integrity", 3: "incomplete", 4: "arithmetic", 5: "untrusted", 6: "unreadable", 7: "broken"}
README_SHA256 = "daedad369b18c18c6ba156a31df5b7b600b2b71879ee06da66fac632a0947b1f"
SCHEMAS = {"clicks": "cff16e09552ee9f7", "verdicts": "2cce60180ecc27f8", "invoices": "22846c6cca62c4fe"}
# Columns: `?` may be null, `#` is a number, `%` a decimal.
TABLES = {
    "rows.csv": "position# logged_at# event_id kind event_time# captured_at# advertiser_id campaign_id ad_id"
    " publisher_id? placement_id? device_type? os? browser? country? city? price_micros# currency click_event_id?"
    " value_micros#?",
    "verdicts.csv": "position# logged_at# target# event_id decision category? reasons score_permille# ruleset stage"
    " decided_at# actor note?",
    "issued.csv": "position# logged_at# document series number# kind advertiser_id currency period zone period_from#"
    " period_to# issued_on issued_at# total_minor% minor_digits# original_series? original_number#? basis artefacts"
    " actor",
    "people.csv": "position# user_id? session_id? ip? user_agent? page_url? extra? salt",
    "derivation.csv": "position# counts_as verdict#? line? micros#",
}
KIND_BYTES = {"rows.csv": 1, "people.csv": 2, "verdicts.csv": 3, "issued.csv": 4}
COUNTS = ["gross", "givt", "sivt", "duplicate", "policy", "billable", "spend_micros"]
HOUR_MICROS = 3_600_000_000
FIRST_POSITION = 1 << 56 | 1 << 16
INT64 = range(-(1 << 63), 1 << 63)
INT128 = range(-(1 << 127), 1 << 127)
NOTES_MAX, DOCUMENTS_BYTES_MAX = 1_000, 256 << 20
SMALL_BYTES_MAX, LINE_BYTES_MAX = 32 << 20, 4 << 20


class Fail(Exception):
    def __init__(self, code, place, reason):
        # What a bundle says is not repeated at length, however long it is.
        reason = reason if len(reason) <= 1_000 else reason[:1_000] + "…"
        super().__init__(f"{place}: {reason}")
        self.code, self.place, self.reason = code, place, reason


def sha256(data):
    return hashlib.sha256(data).digest()


def need(holds, code, place, reason):
    if not holds:
        raise Fail(code, place, reason)


# --- 1. container ---------------------------------------------------------------------------------------------------

# Files, and a directory of as many as there may be.
ARCHIVE_BYTES_MAX = (1 << 32) - 1 + (20 << 20)
NAME = re.compile(rb"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*\Z")


def read_zip(data):
    need(data[:4] == b"PK\x03\x04", UNREADABLE, "the file", "it does not begin as a zip archive")

    def strict(holds, reason):
        need(holds, INTEGRITY, "the file", reason)

    strict(len(data) >= 22, "it is cut")
    count, again, size, begin = struct.unpack("<HHII", data[-14:-2])
    end = b"PK\x05\x06" + bytes(4) + struct.pack("<HHII", count, count, size, begin) + bytes(2)
    strict(
        data[-22:] == end and begin + size + 22 == len(data), "it does not end as it must: it was cut, or added to"
    )
    files, at, offset, last = {}, begin, 0, b""
    for _ in range(count):
        strict(at + 46 <= len(data), "its directory is cut")
        crc, length = struct.unpack("<II", data[at + 16 : at + 24])
        (name_length,) = struct.unpack("<H", data[at + 28 : at + 30])
        name = data[at + 46 : at + 46 + name_length]
        strict(NAME.match(name) and len(name) <= 128 and name > last, f"{name!r} is no name, twice or out of order")
        shared = struct.pack("<HHHHHIIIHH", 10, 0, 0, 0, 33, crc, length, length, len(name), 0)
        local = b"PK\x03\x04" + shared + name
        entry = b"PK\x01\x02" + struct.pack("<H", 10) + shared + bytes(10) + struct.pack("<I", offset) + name
        strict(data[at : at + len(entry)] == entry, f"the entry of {name!r} is not in its one form")
        strict(data[offset : offset + len(local)] == local, f"the record in front of {name!r} is not in its one form")
        content = data[offset + len(local) : offset + len(local) + length]
        strict(len(content) == length and offset + len(local) + length <= begin, f"{name!r} is cut")
        files[name.decode()] = (content, crc)
        at, offset, last = at + len(entry), offset + len(local) + length, name
    strict(at == begin + size and offset == begin, "there is something between its files and its end")
    return files


def read_json(place, data, of_float=None):
    """JSON in which no field is there twice; numbers that are not whole are refused, if they are not read over."""

    def once(pairs):
        need(len({key for key, _ in pairs}) == len(pairs), INTEGRITY, place, "a field is there twice")
        return dict(pairs)

    def refuse(text):
        raise Fail(INTEGRITY, place, f"{text[:50]} is no whole number")

    def whole(text):
        return int(text) if len(text) <= 40 else refuse(text)

    return json.loads(
        data.decode(), object_pairs_hook=once, parse_int=whole, parse_float=of_float or refuse, parse_constant=refuse
    )


def canonical(place, data, form=None):
    """JSON in its one form: what is read and written again gives the same bytes."""
    if form is not None:
        head = b'{"format":"' + form.encode() + b'"'
        need(data.startswith(head), UNREADABLE, place, f"it is no {form}")
    try:
        value = read_json(place, data)
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"
        need(text.encode() == data, INTEGRITY, place, "its bytes are not those of its one form")
    except (ValueError, RecursionError) as error:
        raise Fail(INTEGRITY, place, f"it is not readable: {error}") from None
    return value


TEXT, NUMBER, FLAG = "text", "number", "flag"
# Numbers of so many bits, without a sign; and a digest, which is a text.
BITS_8, BITS_16, BITS_32, BITS_64, DIGEST = 8, 16, 32, 64, "digest"


def shape(place, value, wanted):
    """Checks types and order of fields: `wanted` is a kind, a list of one, a dict, or a tuple of what may be null"""
    if isinstance(wanted, tuple):
        return None if value is None else shape(place, value, wanted[0])
    if isinstance(wanted, dict):
        need(
            isinstance(value, dict) and list(value) == list(wanted),
            INTEGRITY,
            place,
            "its fields are not the known ones",
        )
        for key, inner in wanted.items():
            shape(place, value[key], inner)
    elif isinstance(wanted, list):
        need(isinstance(value, list), INTEGRITY, place, "a list is none")
        for inner in value:
            shape(place, inner, wanted[0])
    elif wanted == DIGEST:
        hexadecimal(place, value)
    elif type(wanted) is int:
        fits = type(value) is int and 0 <= value < 1 << wanted
        need(fits, INTEGRITY, place, f"{value!r} is no number of {wanted} bits")
    else:
        right = {TEXT: str, NUMBER: int, FLAG: bool}[wanted]
        fits = type(value) is right and (wanted != NUMBER or value in range(-(1 << 63), 1 << 64))
        need(fits, INTEGRITY, place, f"{value!r} is no {wanted}")
    return value


def hexadecimal(place, text, length=64):
    need(
        isinstance(text, str) and re.fullmatch(f"[0-9a-f]{{{length}}}", text),
        INTEGRITY,
        place,
        f"{text!r} is no digest",
    )
    return bytes.fromhex(text)


def hour(place, text):
    """Hours since 1970."""
    try:
        need(re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}", text), INTEGRITY, place, f"{text!r} is no hour")
        at = datetime.datetime.strptime(text, "%Y-%m-%dT%H")
    except (ValueError, TypeError):
        raise Fail(INTEGRITY, place, f"{text!r} is no hour") from None
    return int((at - datetime.datetime(1970, 1, 1)).total_seconds()) // 3600


def show_hour(number):
    if not -719_162 * 24 <= number < 2_932_897 * 24:
        return f"hour {number}"
    return (datetime.datetime(1970, 1, 1) + datetime.timedelta(hours=number)).strftime("%Y-%m-%dT%H").rjust(13, "0")


def instant(place, text):
    """Microseconds since 1970."""
    need(
        isinstance(text, str) and re.fullmatch(r"[0-9-]{10}T[0-9]{2}:[0-5][0-9]:[0-5][0-9]\.[0-9]{6}Z", text),
        INTEGRITY,
        place,
        f"{text!r} is no time",
    )
    minutes, seconds, micros = int(text[14:16]), int(text[17:19]), int(text[20:26])
    return hour(place, text[:13]) * HOUR_MICROS + (minutes * 60 + seconds) * 1_000_000 + micros


HOURS = {"from": TEXT, "to_inclusive": TEXT}
SUBJECT = {
    "kind": TEXT,
    "advertiser_id": TEXT,
    "document": (TEXT,),
    "campaigns": ([TEXT],),
    "from": (TEXT,),
    "to": (TEXT,),
    "position": (NUMBER,),
}
CONTENTS = {
    "format": TEXT,
    "subject": SUBJECT,
    "clicks": HOURS,
    "verdicts": (HOURS,),
    "issued": [TEXT],
    "personal": ({"case": TEXT},),
    "files": [{"name": TEXT, "bytes": NUMBER, "sha256": TEXT}],
}


class Bundle:
    """Files that are those of the list of contents, and which of them were read."""

    def __init__(self, data):
        files = read_zip(data)
        need("bundle.json" in files, UNREADABLE, "bundle.json", "it is not there")
        content, crc = files.pop("bundle.json")
        need(len(content) <= SMALL_BYTES_MAX, INTEGRITY, "bundle.json", "it is larger than it may be")
        need(zlib.crc32(content) == crc, INTEGRITY, "bundle.json", "its checksum does not fit")
        self.contents = shape("bundle.json", canonical("bundle.json", content, "clicktrail evidence 1"), CONTENTS)
        self.check_contents()
        listed = [entry["name"] for entry in self.contents["files"]]
        need(listed == sorted(set(listed), key=str.encode), INTEGRITY, "bundle.json", "files are not in order")
        entries = {entry["name"]: entry for entry in self.contents["files"]}
        for name in sorted(set(files) | set(listed), key=str.encode):
            need(name in entries, INTEGRITY, name, "it is there, and not listed")
            need(name in files, INCOMPLETE, name, "it is listed, and not there")
            need(
                len(files[name][0]) == entries[name]["bytes"],
                INTEGRITY,
                name,
                "it does not have the size that is listed",
            )
        for name, entry in entries.items():
            fits = zlib.crc32(files[name][0]) == files[name][1]
            fits = fits and sha256(files[name][0]) == hexadecimal("bundle.json", entry["sha256"])
            need(fits, INTEGRITY, name, "its bytes are not those that are listed")
        self.files = {name: content for name, (content, _) in files.items()}
        self.used = {"README.txt"}
        need("README.txt" in files, INCOMPLETE, "README.txt", "it is not there")
        need(sha256(self.files["README.txt"]).hex() == README_SHA256, INTEGRITY, "README.txt", "it has other words")

    def check_contents(self):
        place, contents = "bundle.json", self.contents
        self.subject = subject = contents["subject"]
        has = {key for key, value in subject.items() if value is not None} - {"kind", "advertiser_id"}
        kinds = {
            "invoice": [{"document"}, {"document", "campaigns"}],
            "events": [{"from", "to"}],
            "event": [{"position"}],
        }
        need(
            has in kinds.get(subject["kind"], []),
            INTEGRITY,
            place,
            "its subject does not have the fields of its kind",
        )
        self.campaigns = subject["campaigns"]
        if self.campaigns is not None:
            fits = self.campaigns and self.campaigns == sorted(set(self.campaigns), key=str.encode)
            need(fits, INTEGRITY, place, "its campaigns are none, or not in order")
        if subject["kind"] == "events":
            self.period = (instant(place, subject["from"]), instant(place, subject["to"]))
            need(self.period[0] < self.period[1], INTEGRITY, place, "its range of time is empty")
        self.hours = {}
        for stream in ("clicks", "verdicts"):
            if contents[stream] is not None:
                first, last = hour(place, contents[stream]["from"]), hour(place, contents[stream]["to_inclusive"])
                need(first <= last, INTEGRITY, place, "a range of hours is empty")
                self.hours[stream] = (first, last)
        self.issued = [hour(place, text) for text in contents["issued"]]
        need(self.issued == sorted(set(self.issued)), INTEGRITY, place, "hours are out of order")
        if subject["position"] is not None:
            need(subject["position"] in INT64, INTEGRITY, place, "its position is none")

    def file(self, name):
        need(name in self.files, INCOMPLETE, name, "it is not there")
        is_small = name.startswith("proofs/consistency/")
        is_small = is_small or name not in (*TABLES, "entries") and not name.startswith("proofs/")
        fits = not is_small or len(self.files[name]) <= SMALL_BYTES_MAX
        need(fits, INTEGRITY, name, "it is larger than such a file may be")
        self.used.add(name)
        return self.files[name]

    def table(self, name):
        return Table(name, self.file(name))


# --- tables, rows, proofs -------------------------------------------------------------------------------------------

FIELD = re.compile(r'"((?:[^"]|"")*)"|([^",\n]*)')
NUMERAL = re.compile(r"-?[1-9][0-9]{0,38}|0")


class Table:
    """Rows of a table in its one form, one after the other."""

    def __init__(self, name, data):
        self.name, self.at, self.line = name, 0, 1
        self.columns = [(re.sub(r"[?#%]", "", column), column) for column in TABLES[name].split()]
        try:
            self.text = data.decode()
        except UnicodeDecodeError:
            raise Fail(INTEGRITY, name, "it is not UTF-8") from None
        head = ",".join(column for column, _ in self.columns) + "\n"
        need(self.text.startswith(head), INTEGRITY, name, "its columns are not the known ones")
        self.at = len(head)

    def wrong(self, holds, reason):
        need(holds, INTEGRITY, self.name, f"row {self.line}: {reason}")

    def next(self):
        need(self.at < len(self.text), INCOMPLETE, self.name, "it has fewer rows than are shown")
        self.line += 1
        row, begin = {}, self.at
        for number, (name, column) in enumerate(self.columns):
            found = FIELD.match(self.text, self.at)
            end = "\n" if number + 1 == len(self.columns) else ","
            self.wrong(self.text[found.end() : found.end() + 1] == end, "it is not in its one form")
            self.at = found.end() + 1
            row[name] = self.value(column, found)
        length = self.at - begin
        fits = length <= LINE_BYTES_MAX // 4 or len(self.text[begin : self.at].encode()) <= LINE_BYTES_MAX
        self.wrong(fits, "it is longer than a row may be")
        return row

    def value(self, column, found):
        quoted, bare = found.groups()
        if quoted is None and bare == "":
            self.wrong("?" in column, "a value is missing")
            return None
        if "#" in column or "%" in column:
            self.wrong(quoted is None and NUMERAL.fullmatch(bare), "a number is not written as numbers are")
            self.wrong("%" in column or int(bare) in INT64, "a number has more than 64 bits")
            return bare if "%" in column else int(bare)
        self.wrong(quoted is not None, "a text has no quotes")
        return quoted.replace('""', '"')

    def encode(self, row):
        parts = [bytes([KIND_BYTES[self.name], 1])]
        for name, column in self.columns:
            value = row[name]
            if name == "salt":
                continue
            if value is None:
                parts.append(b"\0")
            elif "#" in column:
                parts.append(b"\1" + struct.pack(">q", value))
            else:
                data = value.encode()
                parts.append((b"\3" if "%" in column else b"\2") + struct.pack(">I", len(data)) + data)
        return b"".join(parts)

    def end(self):
        need(self.at == len(self.text), INTEGRITY, self.name, "it has rows that belong to nothing")


class Proof:
    """Trees of which some leaves are shown, one behind the other."""

    def __init__(self, name, data):
        self.name, self.data, self.at = name, data, 0

    def take(self, count):
        need(self.at + count <= len(self.data), INTEGRITY, self.name, "it ends too early")
        self.at += count
        return self.data[self.at - count : self.at]

    def root(self, size, leaf):
        """The root; `leaf(index, beside)` gives the data of each leaf that is shown."""
        return self.subtree(0, size, leaf)[0] if size else sha256(b"")

    def subtree(self, start, end, leaf):
        tag = self.take(1)
        if tag == b"h":
            return self.take(32), True
        if end - start == 1 and tag == b"s":
            return sha256(b"\0" + leaf(start, None)), False
        if end - start == 1 and tag == b"b" and self.name == "proofs/verdicts":
            data = self.take(40)
            leaf(start, struct.unpack(">q", data[:8])[0])
            return sha256(b"\0" + data), False
        need(end - start > 1 and tag == b"d", INTEGRITY, self.name, f"{tag!r} cannot stand at leaf {start}")
        middle = start + (1 << (end - start - 1).bit_length() - 1)
        left, left_hidden = self.subtree(start, middle, leaf)
        right, right_hidden = self.subtree(middle, end, leaf)
        need(not (left_hidden and right_hidden), INTEGRITY, self.name, "what is hidden is not hidden as one")
        return sha256(b"\1" + left + right), False

    def end(self):
        need(self.at == len(self.data), INTEGRITY, self.name, "there is more in it than belongs there")


# --- 2. head --------------------------------------------------------------------------------------------------------


def unbase64(text):
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return data if base64.b64encode(data).decode() == text else None


# The y-coordinates of the points of small order.
WEAK = {
    bytes(32).hex(),
    "01" + bytes(31).hex(),
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ec" + "ff" * 30 + "7f",
}


def is_name(text):
    """Neither empty, nor with spaces, control characters or a plus."""
    return text != "" and not any(c.isspace() or c == "+" or unicodedata.category(c) == "Cc" for c in text)


class Key:
    def __init__(self, given):
        text = given
        if text.count("+") < 2:
            with open(given, encoding="utf-8") as file:
                text = file.read().strip()
        name, identity, key = text.split("+", 2) if text.count("+") >= 2 else ("", "", "")
        key = unbase64(key)
        if not is_name(name) or key is None or len(key) != 33 or key[0] not in (1, 4):
            raise ValueError(f"{text!r} is no key")
        if hashlib.sha256(name.encode() + b"\n" + key).hexdigest()[:8] != identity:
            raise ValueError(f"{text!r}: its id is not that of name and key")
        self.name, self.id, self.kind, self.key = name, bytes.fromhex(identity), key[0], key[1:]
        y = self.key[:31] + bytes([self.key[31] & 0x7F])
        if y.hex() in WEAK or int.from_bytes(y, "little") >= (1 << 255) - 19:
            raise ValueError(f"{text!r} is a key under which anybody can sign")

    def signed(self, text, signature):
        message = text.encode()
        if self.kind == 4:
            seconds = int.from_bytes(signature[:8], "big")
            if len(signature) != 72 or seconds >= 1 << 63:
                return False
            message, signature = b"cosignature/v1\ntime %d\n" % seconds + message, signature[8:]
        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


def read_note(place, data, malformed):
    """The text of a signed note, and its signatures: name, id, signature."""
    try:
        note = data.decode()
    except UnicodeDecodeError:
        raise Fail(malformed, place, "it is not UTF-8") from None
    text, found, lines = note.rpartition("\n\n")
    need(found and note.endswith("\n") and len(data) <= 256 << 10, malformed, place, "it is no signed note")
    text += "\n"
    need(not any(c < " " and c != "\n" for c in text), malformed, place, "it is no signed note")
    lines, signatures = lines[:-1].split("\n"), []
    need(len(lines) <= 100, malformed, place, "it has too many signatures")
    need(len(set(lines)) == len(lines), malformed, place, "it has a signature twice")
    for line in lines:
        parts = line.split(" ")
        data = unbase64(parts[2]) if len(parts) == 3 and parts[0] == "\u2014" and is_name(parts[1]) else None
        need(data is not None and len(data) > 4, malformed, place, f"{line!r} is no signature")
        signatures.append((parts[1], data[:4], data[4:]))
    return text, signatures


def signed_by(place, text, signatures, keys):
    """Which keys signed: a signature under name and id of a key that it did not make is a forgery."""
    signed = set()
    for name, identity, signature in signatures:
        for key in keys:
            if (key.name, key.id) == (name, identity):
                fits = key.signed(text, signature)
                need(fits, INTEGRITY, place, f"the signature of {key.name} is not over this text")
                signed.add((key.name, key.id))
    return signed


def check_head(bundle, keys, witnesses):
    place = "checkpoint"
    text, signatures = read_note(place, bundle.file(place), INTEGRITY)
    signed, signers = signed_by(place, text, signatures, keys + witnesses), [name for name, _, _ in signatures]
    lines = text[:-1].split("\n")
    fits = len(lines) >= 3 and all(lines) and NUMERAL.fullmatch(lines[1]) and not lines[1].startswith("-")
    root = unbase64(lines[2]) if fits else None
    need(root is not None and len(root) == 32 and int(lines[1]) < 1 << 64, INTEGRITY, place, "it is no checkpoint")
    trusted = [key for key in keys if (key.name, key.id) in signed and key.name == lines[0]]
    need(trusted, UNTRUSTED, place, f"no key that was given signed it; it is signed by {', '.join(signers)}")
    for key in witnesses:
        words = f"witness {key.name} did not sign it: ask for a later bundle"
        need((key.name, key.id) in signed, INCOMPLETE, place, words)
    return lines[0], int(lines[1]), root


# --- 3. hours -------------------------------------------------------------------------------------------------------


def position(place, text):
    parts = text.split(".") if isinstance(text, str) else []
    fits = len(parts) == 3 and all(NUMERAL.fullmatch(part) for part in parts)
    need(fits, INTEGRITY, place, f"{text!r} is no position")
    epoch, sequence, row = map(int, parts)
    fits = 1 <= epoch <= 127 and 0 <= sequence < 1 << 40 and 0 <= row < 1 << 16
    need(fits, INTEGRITY, place, f"{text!r} is no position")
    return epoch << 56 | sequence << 16 | row


def show(at):
    return f"{at >> 56}.{at >> 16 & (1 << 40) - 1}.{at & 0xFFFF}"


TREE = {"leaves": BITS_64, "root": DIGEST}
FILE = {"key": TEXT, "bytes": BITS_64, "sha256": TEXT}
TREES = {stream: {"rows": TREE, "nodes": FILE} for stream in SCHEMAS}
TREES["clicks"] |= {"people": {**TREE, "key": None}, "advertisers": TREE}


def fields_of(place, value, wanted):
    """Checks fields of a manifest, which are in any order."""
    fits = isinstance(value, dict) and set(value) == set(wanted)
    need(fits, INTEGRITY, place, "its fields are not the known ones")
    for name, inner in wanted.items():
        if inner is not None:
            shape(place, value[name], inner)


class Manifest:
    def __init__(self, stream, number, data):
        self.name = place = f"manifests/{stream}/{show_hour(number)}.json"
        self.stream, self.hour, self.digest = stream, number, sha256(data)
        try:
            fields = read_json(place, data, float)
            version = shape(place, fields["version"], BITS_32)
            need(version >= 3, INCOMPLETE, place, "the hour was sealed before there were trees")
            need(version == 3, UNREADABLE, place, "it is of another version")
            self.rows, parts = shape(place, fields["rows"], BITS_64), fields["parts"]
            trees = fields.get("trees")
            need(trees is not None, INCOMPLETE, place, "the hour was sealed before there were trees")
            need(fields["schema_id"] == SCHEMAS[stream], UNREADABLE, place, "it has other columns")
            for name in ("first_seq", "last_seq", "epoch"):
                shape(place, fields[name], BITS_64)
            need(
                (fields["stream"], fields["hour"]) == (stream, show_hour(number)), INTEGRITY, place, "it is another's"
            )
            self.previous = shape(place, fields.get("previous"), (DIGEST,))
            self.previous = None if self.previous is None else hexadecimal(place, self.previous)
            self.epoch, first, last = fields["epoch"], fields["first_seq"], fields["last_seq"]
            fits = 1 <= self.epoch <= 127 and 0 < first <= last + 1 <= 1 << 40
            need(fits and sum(part["rows"] for part in parts) == self.rows, INTEGRITY, place, "it contradicts itself")
            self.first, self.last = first, last
            self.positions = (self.epoch << 56 | first << 16, self.epoch << 56 | (last + 1) << 16)
            self.parts, at = [], 0
            for part in parts:
                shape(place, part["rows"], BITS_64)
                times = (part.get("event_time_min"), part.get("event_time_max"))
                fits = all(time is None or type(time) is int and time in INT64 for time in times)
                need(fits, INTEGRITY, place, "a time of a part is none")
                targets = (part.get("target_min"), part.get("target_max"))
                if stream == "verdicts" and part["rows"]:
                    targets = tuple(position(place, text) for text in targets)
                self.parts.append((at, at + part["rows"], times, targets))
                at += part["rows"]
            for name, tree in trees.items():
                fields_of(place, tree, TREE if name == "people" and "key" not in tree else TREES[stream][name])
            for file in [trees.get("nodes"), trees.get("people", {}).get("key")]:
                if file is not None:
                    fields_of(place, file, FILE)
            self.root = hexadecimal(place, trees["rows"]["root"])
            fits = trees["rows"]["leaves"] == self.rows and ("people" in trees) == (stream == "clicks")
            if stream == "clicks":
                self.people = hexadecimal(place, trees["people"]["root"])
                self.advertisers = trees["advertisers"]["leaves"]
                self.advertisers_root = hexadecimal(place, trees["advertisers"]["root"])
                fits = fits and trees["people"]["leaves"] == self.rows and self.advertisers <= self.rows
                fits = fits and (self.advertisers == 0) == (self.rows == 0)
                fits = fits and ("key" in trees["people"]) == (self.rows > 0)
            empty = [tree["root"] == sha256(b"").hex() for tree in trees.values() if "root" in tree]
            fits = fits and ("nodes" in trees) == (self.rows > 0) and (self.rows > 0 or all(empty))
            need(fits, INTEGRITY, place, "its trees do not fit its rows")
        except (KeyError, TypeError, ValueError, RecursionError, AttributeError) as error:
            raise Fail(INTEGRITY, place, f"it is no manifest: {error!r}") from None

    def reaches(self, period):
        def part_reaches(part):
            low, high = part[2]
            return (high is None or high >= period[0]) and (low is None or low < period[1])

        return any(part_reaches(part) for part in self.parts)


def tree_root(leaves):
    """The root of a tree of these hashes."""
    level = list(leaves)
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2])
        level = [sha256(b"\1" + left + right) for left, right in pairs] + level[len(level) & ~1 :]
    return level[0] if level else sha256(b"")


def check_log(bundle, size, root):
    """Of each hour of a stream its manifest, that of the entry before of the stream, and the number of its entry; and
    the last hour of each stream."""
    entries, last, leaves = {}, {}, []
    for line in bundle.file("entries").splitlines(keepends=True):
        need(len(leaves) < size, INTEGRITY, "entries", "there is more in it than belongs there")
        found = re.fullmatch(rb"clicktrail manifest 1\t([a-z]+)\t([0-9-]{10}T[0-9]{2})\t([0-9a-f]{64})\n", line)
        need(found, INTEGRITY, "entries", f"{line!r} is no entry")
        stream, at = found[1].decode(), hour("entries", found[2].decode())
        before, previous = last.get(stream, (at - 1, None))
        need(before < at, INTEGRITY, "entries", f"{found[2].decode()} of {stream} was logged twice")
        entries[stream, at] = (bytes.fromhex(found[3].decode()), previous, len(leaves))
        last[stream] = (at, entries[stream, at][0])
        leaves.append(sha256(b"\0" + line))
    need(len(leaves) == size, INCOMPLETE, "entries", "it has fewer entries than the log")
    need(tree_root(leaves) == root, INTEGRITY, "entries", "they are not in the log whose head was signed")
    return entries, {stream: at for stream, (at, _) in last.items()}


def check_hours(bundle, entries, last):
    def read(stream, number):
        name = f"manifests/{stream}/{show_hour(number)}.json"
        data = bundle.file(name)
        need((stream, number) in entries, INCOMPLETE, name, "the log of logs has no such hour")
        logged, previous, entry = entries[stream, number]
        need(logged == sha256(data), INTEGRITY, name, "the log of logs has another manifest of this hour")
        manifest = Manifest(stream, number, data)
        manifest.entry = entry
        fits = previous is None or previous == manifest.previous
        need(fits, INTEGRITY, name, "it does not name the hour that was logged before it")
        return manifest

    def run(stream):
        manifests = []
        first, last = bundle.hours[stream]
        for number in range(first, last + 1):
            manifest = read(stream, number)
            if manifests:
                before = manifests[-1]
                goes_on = manifest.epoch > before.epoch
                goes_on = goes_on or (manifest.epoch == before.epoch and manifest.first == before.last + 1)
                need(goes_on, INTEGRITY, manifest.name, "its frames do not begin where the hour before ended")
            manifests.append(manifest)
        return manifests

    clicks = run("clicks")
    verdicts = run("verdicts") if "verdicts" in bundle.hours else []
    is_whole = verdicts or "verdicts" not in last
    need(is_whole, INCOMPLETE, "bundle.json", "hours of verdicts were logged, and none is there")
    issued = [read("invoices", number) for number in bundle.issued]
    found = sum(name.startswith("manifests/") for name in bundle.files)
    need(
        found == len(clicks) + len(verdicts) + len(issued),
        INTEGRITY,
        "bundle.json",
        "it has manifests it does not name",
    )
    return clicks, verdicts, issued


# --- 4. documents ---------------------------------------------------------------------------------------------------

PARTY = {
    "name": TEXT,
    "address": {"lines": [TEXT], "city": TEXT, "postcode": TEXT, "country": TEXT},
    **dict.fromkeys(["tax_id", "registration", "email", "iban", "bic"], (TEXT,)),
}
LIMIT = {"campaign": (TEXT,), "amount": TEXT}
TERMS = {
    "format": TEXT,
    "advertiser_id": TEXT,
    "valid_from": TEXT,
    "customer": PARTY,
    "currency": TEXT,
    "decimals": BITS_8,
    **dict.fromkeys(["zone", "cycle", "series", "note_series"], TEXT),
    "payment_days": BITS_16,
    "tax": {"category": TEXT, "rate_basis_points": BITS_32, "exemption_reason": (TEXT,)},
    "language": TEXT,
    "discounts": [{"campaign": (TEXT,), "rate_basis_points": BITS_32}],
    "minimums": [LIMIT],
    "caps": [LIMIT],
    "reference": (TEXT,),
}
LINE = {
    **dict.fromkeys(
        ["campaign_id", "kind", "gross", "givt", "sivt", "duplicate", "policy", "net", "total_net"], TEXT
    ),
    **dict.fromkeys(["billable", "spend_micros", "price"], TEXT),
    "price_is_exact": FLAG,
    "amount": TEXT,
}
BILL = {
    "currency": TEXT,
    "decimals": BITS_8,
    "lines": [LINE],
    "adjustments": [{"kind": TEXT, "campaign_id": (TEXT,), "rate_basis_points": (BITS_32,), "amount": TEXT}],
    "subtotal": TEXT,
    "tax": [
        {"category": TEXT, "rate_basis_points": BITS_32, "base": TEXT, "amount": TEXT, "exemption_reason": (TEXT,)}
    ],
    "total": TEXT,
    "rounding_micros": TEXT,
}
DOCUMENT = {
    "format": TEXT,
    "kind": TEXT,
    "series": TEXT,
    "number": BITS_32,
    "issued_on": TEXT,
    "due_on": TEXT,
    "content": {
        "advertiser_id": TEXT,
        "original": ({"series": TEXT, "number": BITS_32, "period": TEXT, "issued_on": TEXT, "reason": TEXT},),
        "period": {"name": TEXT, "zone": TEXT, "from": TEXT, "to": TEXT, "tzdb": TEXT},
        "seller": PARTY,
        "terms": TERMS,
        "bill": BILL,
        "hours": [{"hour": TEXT, "counts": dict.fromkeys(COUNTS, TEXT)}],
    },
    "pins": {
        "basis": DIGEST,
        "terms_version": BITS_32,
        "terms": DIGEST,
        "seller": DIGEST,
        "rounding": TEXT,
        "template": (DIGEST,),
        "renderer": (TEXT,),
    },
}
ADJUSTMENTS = ["cap", "discount", "minimum"]
CATEGORIES = ["S", "Z", "E", "AE", "K", "G", "O"]


def show_amount(amount, decimals):
    digits = str(abs(amount)).rjust(decimals + 1, "0")
    sign = "-" if amount < 0 else ""
    return sign + (digits if decimals == 0 else f"{digits[:-decimals]}.{digits[-decimals:]}")


def amount(place, text, decimals):
    digits = text.replace(".", "")
    need(len(digits) <= 41, INTEGRITY, place, f"{text[:50]!r} is no amount")
    fits = re.fullmatch(r"-?[0-9]+", digits) and show_amount(int(digits), decimals) == text and int(digits) in INT128
    need(fits, INTEGRITY, place, f"{text!r} is no amount")
    return int(digits)


def add_up(place, amounts):
    """A sum, which never is beyond 127 bits."""
    found = 0
    for one in amounts:
        found += one
        need(found in INT128, ARITHMETIC, place, "a sum is beyond what can be counted")
    return found


def read_bill(place, bill):
    """Numbers of a bill: lines, adjustments and taxes by what makes them one."""
    decimals = bill["decimals"]

    def once(pairs):
        found = dict(pairs)
        need(len(found) == len(pairs), INTEGRITY, place, "a line, an adjustment or a tax is there twice")
        return found

    def of_line(line):
        need(line["kind"] == "clicks", INTEGRITY, place, "a line is of something else than clicks")
        counts = [amount(place, line[name], 0) for name in COUNTS]
        need(all(count in INT64 for count in counts[:-1]), INTEGRITY, place, "a count is too large")
        return line["campaign_id"], (counts, amount(place, line["amount"], decimals))

    def of_adjustment(one):
        need(one["kind"] in ADJUSTMENTS, INTEGRITY, place, f"{one['kind']!r} is no adjustment")
        key = (
            one["campaign_id"] is None,
            one["campaign_id"],
            ADJUSTMENTS.index(one["kind"]),
            one["rate_basis_points"],
        )
        return key, amount(place, one["amount"], decimals)

    def of_tax(tax):
        need(tax["category"] in CATEGORIES, INTEGRITY, place, f"{tax['category']!r} is no category of tax")
        key = (CATEGORIES.index(tax["category"]), tax["rate_basis_points"], tax["exemption_reason"])
        return key, (amount(place, tax["base"], decimals), amount(place, tax["amount"], decimals))

    return {
        "lines": once([of_line(line) for line in bill["lines"]]),
        "adjustments": once([of_adjustment(one) for one in bill["adjustments"]]),
        "tax": once([of_tax(tax) for tax in bill["tax"]]),
        "subtotal": amount(place, bill["subtotal"], decimals),
        "total": amount(place, bill["total"], decimals),
        "rounding": amount(place, bill["rounding_micros"], 0),
    }


class Document:
    def __init__(self, place, data):
        self.place, self.digest = place, sha256(data)
        self.fields = fields = shape(place, canonical(place, data, "clicktrail invoice 1"), DOCUMENT)
        self.content, self.pins = fields["content"], fields["pins"]
        terms, bill = self.content["terms"], self.content["bill"]
        known = terms["format"] == "clicktrail terms 1" and self.pins["rounding"] == "half_away_from_zero_per_line"
        need(known, UNREADABLE, place, "its terms or its rounding are not known")
        need(fields["kind"] in ("invoice", "credit_note", "debit_note"), INTEGRITY, place, "it is no document")
        original = self.content["original"]
        fits = terms["advertiser_id"] == self.content["advertiser_id"]
        fits = fits and (original is None) == (fields["kind"] == "invoice")
        need(fits, INTEGRITY, place, "its terms are another's, or it is a note of nothing")
        period = self.content["period"]
        self.period = (instant(place, period["from"]), instant(place, period["to"]))
        self.currency, self.decimals = bill["currency"], bill["decimals"]
        for moved in self.content["hours"]:
            hour(place, moved["hour"])
        fits = self.period[0] < self.period[1] and 0 <= bill["decimals"] <= 6 and 0 <= terms["decimals"] <= 6
        rates = [discount["rate_basis_points"] for discount in terms["discounts"]] + [
            terms["tax"]["rate_basis_points"]
        ]
        need(fits and all(0 <= rate <= 10_000 for rate in rates), INTEGRITY, place, "a number of it is out of range")
        text = json.dumps(terms, ensure_ascii=False, separators=(",", ":")) + "\n"
        need(
            sha256(text.encode()).hex() == self.pins["terms"],
            INTEGRITY,
            place,
            "its terms are not those that it pins",
        )
        self.basis = hexadecimal(place, self.pins["basis"])
        self.bill = read_bill(place, bill)
        subtotal, total = self.bill["subtotal"], self.bill["total"]
        lines = add_up(place, [line[1] for line in self.bill["lines"].values()])
        lines = add_up(place, [lines, add_up(place, self.bill["adjustments"].values())])
        need(lines == subtotal, ARITHMETIC, place, "lines and adjustments are not the subtotal")
        taxes = list(self.bill["tax"].values())
        bases, taxes = add_up(place, [base for base, _ in taxes]), add_up(place, [tax for _, tax in taxes])
        need(bases == subtotal, ARITHMETIC, place, "the bases of taxes are not the subtotal")
        need(add_up(place, [subtotal, taxes]) == total, ARITHMETIC, place, "subtotal and taxes are not the total")
        self.name = f"{fields['series']}-{fields['number']:08}"
        self.cancels = original is not None and original["reason"] == "cancelled"


    def entry(self):
        """What the log of issued documents says of it."""
        fields, content = self.fields, self.content
        period, original = content["period"], content["original"] or {"series": None, "number": None}
        return {
            **{name: fields[name] for name in ("series", "number", "kind", "issued_on")},
            "advertiser_id": content["advertiser_id"],
            "currency": self.currency,
            "period": period["name"],
            "zone": period["zone"],
            "period_from": self.period[0],
            "period_to": self.period[1],
            "total_minor": str(self.bill["total"]),
            "minor_digits": self.decimals,
            "original_series": original["series"],
            "original_number": original["number"],
            "basis": self.basis.hex(),
        }


SEGMENT = {
    "hour": TEXT,
    **dict.fromkeys(["input_digest", "code_digest", "output_digest"], DIGEST),
    "bytes": BITS_64,
    "rows": BITS_64,
    **dict.fromkeys(["generation", "knows_before", "verdicts_before"], (TEXT,)),
}
BASIS = {
    "version": NUMBER,
    "projection": TEXT,
    **dict.fromkeys(["from", "to", "first_hour", "last_hour", "last_manifest"], TEXT),
    "stale": [TEXT],
    "segments": [SEGMENT],
    "without": [HOURS],
}


class Basis:
    def __init__(self, place, data, document, clicks):
        try:
            fields = read_json(place, data)
            version = shape(place, fields["version"], BITS_32)
            need(version in (1, 2), UNREADABLE, place, f"version {version} is not known")
            text = json.dumps(fields, ensure_ascii=False, indent=2) + "\n"
            need(text.encode() == data, INTEGRITY, place, "it is not in its one form")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise Fail(INTEGRITY, place, f"it is no basis: {error!r}") from None
        head = {"origin": TEXT, "size": BITS_64, "root": DIGEST}
        shape(place, fields, BASIS if version == 1 else {**BASIS, "checkpoint": (head,)})
        self.place, self.checkpoint = place, fields.get("checkpoint")
        need(fields["projection"] == "counters", INTEGRITY, place, "it is of something else than clicks")
        period = (instant(place, fields["from"]), instant(place, fields["to"]))
        need(period == document.period, INTEGRITY, place, "it is of another period")
        self.first, self.last = hour(place, fields["first_hour"]), hour(place, fields["last_hour"])
        need(self.first <= self.last, INTEGRITY, place, "it is of nothing")
        self.known, ranges, latest = {}, [], None
        self.stale = [hour(place, text) for text in fields["stale"]]
        need(self.stale == sorted(set(self.stale)), INTEGRITY, place, "its stale hours are not in order")
        for segment in fields["segments"]:
            at = hour(place, segment["hour"])
            knows, before = segment["knows_before"], segment["verdicts_before"]
            knows = None if knows is None else position(place, knows)
            before = None if before is None else position(place, before)
            need(latest is None or latest < at, INTEGRITY, place, "its hours are not in order")
            latest, self.known[at] = at, (knows, before)
            ranges.append((at, at))
        without = [(hour(place, one["from"]), hour(place, one["to_inclusive"])) for one in fields["without"]]
        at = self.first
        for low, high in sorted(ranges + without):
            need(
                low == at and high >= low, INCOMPLETE, place, f"it says nothing of {show_hour(at)}, or says it twice"
            )
            at = high + 1
        need(at == self.last + 1, INCOMPLETE, place, f"it says nothing of {show_hour(at)}")
        by_hour = {manifest.hour: manifest for manifest in clicks}
        for at in (self.first, self.last):
            need(at in by_hour, INCOMPLETE, place, f"the manifest of {show_hour(at)} is not there")
        begins = self.first <= period[0] // HOUR_MICROS or by_hour[self.first].previous is None
        need(
            begins and self.last >= (period[1] - 1) // HOUR_MICROS,
            INCOMPLETE,
            place,
            "its hours do not cover the period",
        )
        pinned = hexadecimal(place, fields["last_manifest"])
        need(
            by_hour[self.last].digest == pinned, INTEGRITY, place, "it was made of another last hour than was logged"
        )
        for low, high in without:
            for at in range(low, high + 1):
                need(at in by_hour, INCOMPLETE, place, f"the manifest of {show_hour(at)} is not there")
                empty = by_hour[at].rows == 0 or not by_hour[at].reaches(period)
                need(
                    empty,
                    INCOMPLETE,
                    place,
                    f"it does not count {show_hour(at)}, which may have events of the period",
                )


    def known_at_least(self, verdicts):
        """By hour: a verdict before this position has to be known."""
        size = self.checkpoint["size"] if self.checkpoint else 0
        signed = max((manifest.positions[1] for manifest in verdicts if manifest.entry < size), default=0)
        return lambda at: 0 if at in self.stale else signed


def check_documents(bundle, clicks):
    notes = sum(name.startswith("notes/") for name in bundle.files)
    held = [
        len(content)
        for name, content in bundle.files.items()
        if name.startswith(("notes/", "bases/")) or name == "invoice.json"
    ]
    fits = notes <= NOTES_MAX and sum(held) <= DOCUMENTS_BYTES_MAX
    need(fits, INTEGRITY, "bundle.json", "it has more documents, or larger ones, than a bundle may have")
    places = ["invoice.json"] + [f"notes/{number:04}.json" for number in range(1, notes + 1)]
    documents = [Document(place, bundle.file(place)) for place in places]
    first = documents[0]
    need(first.fields["kind"] == "invoice", INTEGRITY, first.place, "it is no invoice")
    as_original = {
        "series": first.fields["series"],
        "number": first.fields["number"],
        "period": first.content["period"]["name"],
        "issued_on": first.fields["issued_on"],
    }
    for document in documents:
        original = document.content["original"]
        if document is not first:
            fits = original is not None and {key: original[key] for key in as_original} == as_original
            need(fits, INTEGRITY, document.place, "it is no note about the invoice that is there")
        fits = document.content["advertiser_id"] == bundle.subject["advertiser_id"]
        fits = fits and document.content["period"] == first.content["period"]
        fits = fits and all(document.pins[key] == first.pins[key] for key in ("terms", "terms_version"))
        fits = fits and (document.currency, document.decimals) == (first.currency, first.decimals)
        need(fits, INTEGRITY, document.place, "it is another's, or of another period, terms or currency")
    asked = bundle.subject["document"]
    need(any(document.name == asked for document in documents), INCOMPLETE, "bundle.json", f"{asked} is not there")
    bases = {}
    for document in documents:
        if document.basis not in bases:
            place = f"bases/{document.basis.hex()}.json"
            data = bundle.file(place)
            need(sha256(data) == document.basis, INTEGRITY, place, "it is not the basis that is pinned")
            bases[document.basis] = Basis(place, data, document, clicks)
    hours = (min(basis.first for basis in bases.values()), max(basis.last for basis in bases.values()))
    need(hours == bundle.hours["clicks"], INCOMPLETE, "bundle.json", "its hours of clicks are not those of its bases")
    return documents, bases


def check_consistency(bundle, bases, origin, size, root):
    """RFC 6962, as RFC 9162 section 2.1.4.2 writes it down."""
    for basis in bases.values():
        then = basis.checkpoint
        if then is None:
            continue
        place = f"proofs/consistency/{then['size']}"
        need(then["origin"] == origin, INTEGRITY, place, "a document stands on another log")
        need(then["size"] <= size, INCOMPLETE, place, "a document stands on a later head")
        old, data = hexadecimal(place, then["root"]), b"" if then["size"] == size else bundle.file(place)
        forked = Fail(INTEGRITY, place, "the log was forked")
        path = [data[at : at + 32] for at in range(0, len(data), 32)]
        need(len(data) % 32 == 0, INTEGRITY, place, "it is no proof")
        if then["size"] in (0, size):
            need(not path and old == (root if then["size"] else sha256(b"")), INTEGRITY, place, forked.reason)
            continue
        if then["size"] & (then["size"] - 1) == 0:
            path.insert(0, old)
        if not path:
            raise forked
        fn, sn = then["size"] - 1, size - 1
        while fn & 1:
            fn, sn = fn >> 1, sn >> 1
        fr = sr = path[0]
        for node in path[1:]:
            if sn == 0:
                raise forked
            if fn & 1 or fn == sn:
                fr, sr = sha256(b"\1" + node + fr), sha256(b"\1" + node + sr)
                while fn and not fn & 1:
                    fn, sn = fn >> 1, sn >> 1
            else:
                sr = sha256(b"\1" + sr + node)
            fn, sn = fn >> 1, sn >> 1
        if fr != old or sr != root or sn != 0:
            raise forked


def check_handed_in(documents, handed_in):
    others = handed_in - {document.digest for document in documents}
    need(not others, INTEGRITY, "--document", "a document that was handed in is none of those in the bundle")


def check_issued(bundle, hours, documents, handed_in):
    logged, by_digest = set(), {document.digest.hex(): document for document in documents}
    if hours:
        table, proof = bundle.table("issued.csv"), Proof("proofs/issued", bundle.file("proofs/issued"))
        for manifest in hours:

            def leaf(index, beside):
                row = table.next()
                name = f"{row['series']}-{row['number']:08}"
                document = by_digest.get(row["document"])
                need(document is not None, INTEGRITY, "issued.csv", f"{name} was issued with other bytes")
                fits = all(row[column] == value for column, value in document.entry().items())
                need(fits, INTEGRITY, "issued.csv", f"the log says something else of {name} than the document")
                logged.add(document.digest)
                return table.encode(row)

            fits = proof.root(manifest.rows, leaf) == manifest.root
            need(
                fits,
                INTEGRITY,
                "issued.csv",
                f"documents of {show_hour(manifest.hour)} are not those that were sealed",
            )
        table.end()
        proof.end()
    for document in documents:
        known = document.digest in logged or document.digest in handed_in
        need(known, INCOMPLETE, "issued.csv", f"{document.name} is not in the log of issued documents: hand in yours")


# --- 5. rows --------------------------------------------------------------------------------------------------------

SUMMED = {"rows": NUMBER, "hash": TEXT}
SHARE = {
    "hour": TEXT,
    "presence": ({"index": NUMBER, "runs": [{"first": NUMBER, "count": NUMBER}], "path": [SUMMED]},),
    "absence": ({"index": NUMBER, "neighbours": [{"key": TEXT, "rows": NUMBER, "rest": TEXT}], "nodes": [SUMMED]},),
}


def join(left, right):
    data = struct.pack(">Q", left[0]) + left[1] + struct.pack(">Q", right[0]) + right[1]
    need(left[0] + right[0] < 1 << 64, INTEGRITY, "proofs/advertisers", "its sums are out of range")
    return left[0] + right[0], sha256(b"\3" + data)


def share_leaf(key, rows, rest):
    return rows, sha256(b"\2" + key + struct.pack(">Q", rows) + rest)


def summed_root(size, shown, nodes):
    """The root of a tree of which the leaves in `shown` are known, and the largest subtrees without them."""
    nodes = iter(nodes)

    def of(start, end):
        if not any(start <= index < end for index in shown):
            return next(nodes)
        if end - start == 1:
            return shown[start]
        middle = start + (1 << (end - start - 1).bit_length() - 1)
        return join(of(start, middle), of(middle, end))

    try:
        root = of(0, size) if size else (0, sha256(b""))
    except StopIteration:
        return None
    return root if next(nodes, None) is None else None


def in_proof_order(index, size, path):
    """The nodes of an audit path, which come from the leaf up, in the order from the left to the right."""
    start, end, beside = 0, size, []
    while end - start > 1:
        middle = start + (1 << (end - start - 1).bit_length() - 1)
        beside.append(middle if index < middle else start)
        start, end = (start, middle) if index < middle else (middle, end)
    need(len(beside) == len(path), INTEGRITY, "proofs/advertisers", "a path does not have its length")
    return [node for _, node in sorted(zip(reversed(beside), path), key=lambda pair: pair[0])]


def runs_of(manifest, line, advertiser):
    place = "proofs/advertisers"

    def wrong(holds, reason):
        need(holds, INTEGRITY, place, f"{show_hour(manifest.hour)}: {reason}")

    presence, absence = line["presence"], line["absence"]
    wrong((presence is None) != (absence is None), "it has rows and has none")
    key = sha256(b"clicktrail advertiser 1\0" + show_hour(manifest.hour).encode() + b"\0" + advertiser.encode())
    root = (manifest.rows, manifest.advertisers_root)

    def nodes(found):
        return [(node["rows"], hexadecimal(place, node["hash"])) for node in found]

    for node in (presence or absence)["path" if presence else "nodes"] + (absence["neighbours"] if absence else []):
        wrong(0 <= node["rows"] < 1 << 64, "a number is out of range")
    index = (presence or absence)["index"]
    if presence is not None:
        at, rest, rows = 0, b"", 0
        for run in presence["runs"]:
            end = run["first"] + run["count"]
            wrong(run["count"] > 0 and at <= run["first"] and end <= manifest.rows, "its ranges are none of the hour")
            rest += struct.pack(">QQ", run["first"], run["count"])
            at, rows = end, rows + run["count"]
        wrong(rows > 0 and 0 <= index < manifest.advertisers, "it proves nothing")
        path = in_proof_order(index, manifest.advertisers, nodes(presence["path"]))
        leaf = share_leaf(key, rows, sha256(rest))
        wrong(summed_root(manifest.advertisers, {index: leaf}, path) == root, "the proof leads to another root")
        return [(run["first"], run["first"] + run["count"]) for run in presence["runs"]]
    beside = [(hexadecimal(place, one["key"]), one) for one in absence["neighbours"]]
    is_first, is_last = index == 0, index + len(beside) == manifest.advertisers
    if len(beside) == 0:
        stands = is_first and is_last
    elif len(beside) == 1:
        stands = (beside[0][0] < key and is_last) or (key < beside[0][0] and is_first)
    else:
        stands = len(beside) == 2 and beside[0][0] < key < beside[1][0]
    wrong(stands and 0 <= index <= manifest.advertisers, "the leaves that are shown are not those around its key")
    shown = {
        index + number: share_leaf(of, one["rows"], hexadecimal(place, one["rest"]))
        for number, (of, one) in enumerate(beside)
    }
    wrong(all(at < manifest.advertisers for at in shown), "it shows leaves that are none")
    found = summed_root(manifest.advertisers, shown, nodes(absence["nodes"]))
    wrong(found == root, "the proof leads to another root")
    return []


class Rows:
    """The rows of the hours that count, each with its hour."""

    def __init__(self, bundle, clicks, counted, period, currency):
        self.bundle, self.period, self.currency = bundle, period, currency
        self.kind, self.advertiser = bundle.subject["kind"], bundle.subject["advertiser_id"]
        self.table, self.proof = bundle.table("rows.csv"), Proof("proofs/rows", bundle.file("proofs/rows"))
        self.people = None
        if bundle.contents["personal"] is not None:
            self.people = (bundle.table("people.csv"), Proof("proofs/people", bundle.file("proofs/people")))
        lines = b"" if self.kind == "event" else bundle.file("proofs/advertisers")
        self.lines = lines.splitlines(keepends=True) if b"\r" not in lines else [lines]
        self.all, self.with_people = [], 0
        self.shown = [manifest for manifest in clicks if manifest.rows and counted(manifest)]
        for manifest in self.shown:
            runs = [(start, end) for start, end, _, _ in manifest.parts if start < end]
            if self.kind != "event":
                runs = self.runs(manifest)
            if runs:
                self.hour(manifest, runs)
        need(not self.lines, INTEGRITY, "proofs/advertisers", "there is more in it than belongs there")
        for table, proof in [(self.table, self.proof)] + ([self.people] if self.people else []):
            table.end()
            proof.end()
        if self.kind == "event":
            fits = [row["position"] for row in self.all] == [bundle.subject["position"]]
            need(fits, INCOMPLETE, "rows.csv", "it does not have the event alone")
        self.all.sort(key=lambda row: row["position"])
        self.positions = {row["position"] for row in self.all}

    def runs(self, manifest):
        place, name = "proofs/advertisers", show_hour(manifest.hour)
        need(self.lines, INCOMPLETE, place, "lines of hours are missing at its end")
        data = self.lines.pop(0)
        need(len(data) <= LINE_BYTES_MAX, INTEGRITY, place, "a line is longer than it may be")
        line = shape(place, canonical(place, data), SHARE)
        need(line["hour"] == name, INCOMPLETE, place, f"the line of {name} is missing")
        runs = runs_of(manifest, line, self.advertiser)
        parts = iter(manifest.parts)
        fits = all(any(start <= run[0] and run[1] <= end for start, end, _, _ in parts) for run in runs)
        need(fits, INTEGRITY, place, f"the ranges of {name} are not one in a part")
        return runs

    def hour(self, manifest, runs):
        found = {}

        def leaf(index, beside):
            row = self.table.next()
            found[index] = row
            row["hour"] = manifest.hour
            within = any(start <= index < end for start, end in runs)
            fits = row["advertiser_id"] == self.advertiser and within
            need(fits, INTEGRITY, "rows.csv", f"row {self.table.line} is not among the advertiser's")
            return self.table.encode(row)

        name = show_hour(manifest.hour)
        root = self.proof.root(manifest.rows, leaf)
        need(root == manifest.root, INTEGRITY, "rows.csv", f"the rows of {name} are not those that were sealed")
        for start, end in runs if self.kind != "event" else []:
            self.check_run(name, start, end, found)
        positions = [row["position"] for row in found.values()]
        low, high = manifest.positions
        fits = all(low <= at < high for at in positions) and len(set(positions)) == len(positions)
        need(fits, INTEGRITY, "rows.csv", f"positions of {name} are not those of its frames, or there twice")
        self.all.extend(found.values())
        if self.people:
            self.check_people(manifest, found)

    def check_run(self, name, start, end, found):
        campaigns, at, before = self.bundle.campaigns, start, None
        asked = None if campaigns is None else [one.encode() for one in campaigns]
        shown = [(index, found[index]["campaign_id"].encode()) for index in sorted(found) if start <= index < end]
        for index, campaign in shown + [(end, None)]:
            if index != at:
                first = 0 if before is None or asked is None else bisect.bisect_left(asked, before)
                hidden = asked is None or first < len(asked) and (campaign is None or asked[first] <= campaign)
                need(not hidden, INCOMPLETE, "proofs/rows", f"rows of the advertiser in {name} are hidden")
            if campaigns is not None and None not in (before, campaign):
                need(before <= campaign, INTEGRITY, "rows.csv", f"rows of {name} are out of order")
            at, before = index + 1, campaign

    def check_people(self, manifest, found):
        table, proof = self.people

        def leaf(index, beside):
            row = table.next()
            fits = index in found and found[index]["position"] == row["position"]
            need(fits, INTEGRITY, "people.csv", f"row {table.line} is about another event than its leaf")
            self.with_people += 1
            return hexadecimal("people.csv", row["salt"], 32) + table.encode(row)

        fits = proof.root(manifest.rows, leaf) == manifest.people
        need(
            fits,
            INTEGRITY,
            "people.csv",
            f"personal columns of {show_hour(manifest.hour)} are not those that were sealed",
        )


# --- 6. verdicts ----------------------------------------------------------------------------------------------------

WEIGHTS = {"live": 0, "rejudge": 1, "query": 1, "manual": 2}


def check_coverage(bundle, shown, verdicts, last, horizon):
    place = "bundle.json"
    if verdicts:
        need(verdicts[-1].hour == last, INCOMPLETE, place, "its hours of verdicts end before those of the log")
    if not shown:
        return
    if not verdicts:
        need(horizon is None or horizon <= FIRST_POSITION, INCOMPLETE, place, "it has no hours of verdicts")
        return
    begins = verdicts[0].hour <= shown[0].hour or verdicts[0].previous is None
    need(begins, INCOMPLETE, place, "hours of verdicts begin too late")
    need(verdicts[-1].hour >= shown[-1].hour, INCOMPLETE, place, "hours of verdicts end too early")
    fits = horizon is None or horizon <= verdicts[-1].positions[1]
    need(fits, INCOMPLETE, place, "verdicts that are known are not there")


def check_verdicts(bundle, hours, rows):
    table, proof = bundle.table("verdicts.csv"), Proof("proofs/verdicts", bundle.file("proofs/verdicts"))
    ours, by_target = sorted(rows.positions), {}

    def between(low, high):
        at = bisect.bisect_left(ours, low)
        return at < len(ours) and ours[at] <= high

    for manifest in hours:
        leaves, name = [], show_hour(manifest.hour)

        def leaf(index, beside):
            if beside is not None:
                need(
                    not between(beside, beside),
                    INCOMPLETE,
                    "proofs/verdicts",
                    f"a verdict about {show(beside)} is withheld",
                )
                leaves.append((index, beside))
                return None
            row = table.next()
            place, target = f"verdicts.csv, row {table.line}", row["target"]
            need(between(target, target), INTEGRITY, place, "it is about an event that is not there")
            low, high = manifest.positions
            need(low <= row["position"] < high, INTEGRITY, place, "it does not stand in its hour")
            valid = row["decision"] == "valid" and not row["category"]
            invalid = row["decision"] == "invalid" and row["category"] in ("givt", "sivt", "duplicate", "policy")
            need(valid or invalid, INTEGRITY, place, "it is neither valid nor invalid")
            need(row["stage"] in WEIGHTS, INTEGRITY, place, "its stage is not known")
            leaves.append((index, target))
            by_target.setdefault(target, []).append(
                (WEIGHTS[row["stage"]], row["position"], row["category"] if invalid else None)
            )
            return struct.pack(">q", target) + sha256(table.encode(row))

        root = proof.root(manifest.rows, leaf)
        need(
            root == manifest.root, INTEGRITY, "verdicts.csv", f"the verdicts of {name} are not those that were sealed"
        )
        shown = iter(leaves + [(manifest.rows, None)])
        index, target = next(shown)
        for start, end, _, (low, high) in manifest.parts:
            at, least = start, low
            while start < end and index < end:
                fits = least <= target <= high
                need(fits, INTEGRITY, "proofs/verdicts", f"leaves of {name} are out of order")
                hidden = index != at and between(least, target)
                need(not hidden, INCOMPLETE, "proofs/verdicts", f"verdicts of {name} about these events are hidden")
                at, least = index + 1, target
                index, target = next(shown)
            hidden = at < end and between(least, high)
            need(not hidden, INCOMPLETE, "proofs/verdicts", f"verdicts of {name} about these events are hidden")
    table.end()
    proof.end()
    return by_target


# --- 7. counts ------------------------------------------------------------------------------------------------------


def standing(verdicts, known, place, at, at_least=0):
    knows, before = known
    if knows is not None:
        unknown = [verdict for verdict in verdicts if verdict[1] >= knows]
    else:
        unknown = [verdict for verdict in verdicts if verdict[0] != 0]
    missed = any(verdict[1] < at_least for verdict in unknown)
    need(not missed, ARITHMETIC, place, f"it does not know a verdict about {show(at)} that was signed, nor says so")
    verdicts = [verdict for verdict in verdicts if verdict not in unknown]
    found = max(verdicts, key=lambda verdict: verdict[:2], default=None)
    if knows is None and found is not None:
        need(
            before is not None and found[1] < before,
            ARITHMETIC,
            place,
            f"it does not know the verdict about {show(at)}",
        )
    return found


EVERYTHING = ((1 << 63) - 1, None)


def add_click(counts, price, category):
    counts[0] += 1
    if category is None:
        counts[5], counts[6] = counts[5] + 1, counts[6] + price
    else:
        counts[COUNTS.index(category)] += 1


def count(bundle, rows, verdicts, ways):
    """`ways` are a place, what is known by hour, and what has to be. Of each: counts by (currency, campaign), and by
    hour; and what all verdicts would change of the last: how many clicks, and what is billed above them."""
    table, sums = bundle.table("derivation.csv"), [({}, {}) for _ in ways]
    otherwise = [0, 0]
    for row in rows.all:
        at, campaign = row["position"], row["campaign_id"]
        if row["kind"] != "click":
            reason = "not_a_click"
        elif not rows.period[0] <= row["event_time"] < rows.period[1]:
            reason = "outside_period"
        elif rows.currency not in (None, row["currency"]):
            reason = "other_currency"
        elif bundle.campaigns is not None and campaign not in bundle.campaigns:
            reason = "other_campaign"
        else:
            reason = None
        for (place, known, at_least), (lines, hours) in zip(ways, sums):
            of_hour, spoken = known(row["hour"]), verdicts.get(at, [])
            must = at_least(row["hour"]) if reason is None else 0
            found = standing(spoken, of_hour, place, at, must) if of_hour else None
            counts_as, line, micros = reason, None, 0
            if reason is None and of_hour is None:
                counts_as = "outside_basis"
            elif reason is None:
                category = found[2] if found else None
                counts_as, line = category or "billable", campaign
                micros = row["price_micros"] if category is None else 0
                for counts in (
                    lines.setdefault((row["currency"], campaign), [0] * 7),
                    hours.setdefault(row["hour"], [0] * 7),
                ):
                    add_click(counts, row["price_micros"], category)
        if line is not None:
            by_all = standing(spoken, EVERYTHING, place, at)
            by_all = by_all[2] if by_all else None
            price = row["price_micros"]
            otherwise[0] += (category or None) != by_all
            otherwise[1] += (price if category is None else 0) - (price if by_all is None else 0)
        expected = [at, counts_as, found[1] if found else None, line, micros]
        says = list(table.next().values())
        need(says == expected, ARITHMETIC, "derivation.csv", f"row {table.line} says {says}, and {expected} follows")
    table.end()
    return sums, otherwise


# --- 8. money -------------------------------------------------------------------------------------------------------


def divide(number, divisor):
    whole, rest = divmod(abs(number), divisor)
    whole += rest * 2 >= divisor
    return -whole if number < 0 else whole


def bill_of(place, usage, terms, currency, decimals):
    """What usage costs: lines, then caps, discounts and minimums of campaigns, then of the account, then tax."""
    agreed = {}
    for kind, number in (("caps", 0), ("minimums", 2)):
        for one in terms[kind]:
            agreed.setdefault(one["campaign"], {})[number] = amount(place, one["amount"], terms["decimals"])
    for one in terms["discounts"]:
        agreed.setdefault(one["campaign"], {})[1] = one["rate_basis_points"]
    fits = not (terms["caps"] or terms["minimums"]) or (terms["currency"], terms["decimals"]) == (currency, decimals)
    need(fits, ARITHMETIC, place, "caps and minimums are in another currency")
    need(terms["tax"]["category"] in CATEGORIES, ARITHMETIC, place, "the category of its tax is not known")
    unit = 10 ** (6 - decimals)
    lines = {campaign: (counts, divide(counts[6], unit)) for campaign, counts in usage.items() if any(counts)}
    adjustments = {}

    def adjust(now, campaign):
        rules = agreed.get(campaign, {})
        for kind, rule in sorted(rules.items()):
            becomes = [min(now, rule), now - divide(now * rule, 10_000), max(now, rule)][kind]
            if becomes != now:
                adjustments[campaign is None, campaign, kind, rule if kind == 1 else None] = becomes - now
            now = becomes
        return now

    named = set(lines) | {campaign for campaign in agreed if campaign is not None}
    subtotal = adjust(sum(adjust(lines[one][1] if one in lines else 0, one) for one in named), None)
    tax = terms["tax"]
    taxes = divide(subtotal * tax["rate_basis_points"], 10_000)
    return {
        "lines": lines,
        "adjustments": adjustments,
        "tax": {
            (CATEGORIES.index(tax["category"]), tax["rate_basis_points"], tax["exemption_reason"]): (subtotal, taxes)
        },
        "subtotal": subtotal,
        "total": subtotal + taxes,
        "rounding": sum(money * unit - counts[6] for counts, money in lines.values()),
    }


def minus(place, bill, issued):
    lines = {key: (list(counts), money) for key, (counts, money) in bill["lines"].items()}
    adjustments, tax = dict(bill["adjustments"]), dict(bill["tax"])
    sums = {key: bill[key] for key in ("subtotal", "total", "rounding")}
    for other in issued:
        for key, (counts, money) in other["lines"].items():
            own, before = lines.get(key, ([0] * 7, 0))
            lines[key] = ([one - two for one, two in zip(own, counts)], before - money)
        for key, money in other["adjustments"].items():
            adjustments[key] = adjustments.get(key, 0) - money
        for key, (base, money) in other["tax"].items():
            before = tax.get(key, (0, 0))
            tax[key] = (before[0] - base, before[1] - money)
        for key in sums:
            sums[key] -= other[key]
        amounts = [money for _, money in lines.values()] + [counts[6] for counts, _ in lines.values()]
        amounts += [*adjustments.values(), *sums.values(), *(one for both in tax.values() for one in both)]
        counts = [count for counts, _ in lines.values() for count in counts[:6]]
        fits = all(one in INT128 for one in amounts) and all(count in INT64 for count in counts)
        need(fits, ARITHMETIC, place, "a sum is beyond what can be counted")
    lines = {key: line for key, line in lines.items() if any(line[0]) or line[1]}
    return {"lines": lines, "adjustments": {key: one for key, one in adjustments.items() if one}, "tax": tax, **sums}


def write_bill(bill, currency, decimals):
    """As a document writes it."""

    def line(campaign, counts, money):
        gross, givt, sivt, duplicate, policy, billable, spend = counts
        signed = -spend if billable < 0 else spend
        price = divide(signed, abs(billable)) if billable else 0
        net = gross - givt - duplicate
        values = [campaign, "clicks", gross, givt, sivt, duplicate, policy, net, net - sivt - policy, billable, spend]
        values = [str(value) for value in values] + [show_amount(price, 6)]
        values += [price * abs(billable) == signed, show_amount(money, decimals)]
        return dict(zip(LINE, values))

    def order(key):
        return tuple((part is not None, part.encode() if isinstance(part, str) else part or 0) for part in key)

    adjustments = [
        {
            "kind": ADJUSTMENTS[key[2]],
            "campaign_id": key[1],
            "rate_basis_points": key[3],
            "amount": show_amount(bill["adjustments"][key], decimals),
        }
        for key in sorted(bill["adjustments"], key=order)
    ]
    taxes = [
        {
            "category": CATEGORIES[key[0]],
            "rate_basis_points": key[1],
            "base": show_amount(bill["tax"][key][0], decimals),
            "amount": show_amount(bill["tax"][key][1], decimals),
            "exemption_reason": key[2],
        }
        for key in sorted(bill["tax"], key=order)
    ]
    return {
        "currency": currency,
        "decimals": decimals,
        "lines": [line(key, *bill["lines"][key]) for key in sorted(bill["lines"], key=str.encode)],
        "adjustments": adjustments,
        "subtotal": show_amount(bill["subtotal"], decimals),
        "tax": taxes,
        "total": show_amount(bill["total"], decimals),
        "rounding_micros": str(bill["rounding"]),
    }


def check_money(bundle, documents, sums):
    """`sums` by digest of the basis. The total that the documents come to together."""
    first, truth = documents[0], None
    currency, decimals, terms = first.currency, first.decimals, first.content["terms"]
    for index, document in enumerate(documents):
        place, before = document.place, documents[:index]
        cancelled = [number for number, one in enumerate(before) if one.cancels]
        since = before[cancelled[-1] + 1 if cancelled else 0 :]
        lines, hours = sums[document.basis]
        if document.cancels:
            truth = minus(place, before[-1].bill, [before[-1].bill])
        else:
            usage = {campaign: counts for (of, campaign), counts in lines.items() if of == currency}
            truth = bill_of(place, usage, terms, currency, decimals)
        expected = minus(place, truth, [one.bill for one in since])
        asked = (
            bundle.campaigns if bundle.campaigns is not None else set(document.bill["lines"]) | set(expected["lines"])
        )
        for campaign in asked:
            found, computed = document.bill["lines"].get(campaign), expected["lines"].get(campaign)
            need(
                found == computed, ARITHMETIC, place, f"the line of {campaign!r} says {found}, and {computed} follows"
            )
        if index == 0:
            need(not document.content["hours"], ARITHMETIC, place, "an invoice has no hours that moved")
        if bundle.campaigns is not None:
            written = write_bill(expected, currency, decimals)["lines"]
            for lines_of in (written, document.content["bill"]["lines"]):
                lines_of[:] = [line for line in lines_of if line["campaign_id"] in bundle.campaigns]
            fits = written == sorted(document.content["bill"]["lines"], key=lambda line: line["campaign_id"].encode())
            need(fits, ARITHMETIC, place, "a line shows what does not follow from its counts")
            continue
        fits = write_bill(expected, currency, decimals) == document.content["bill"]
        need(fits, ARITHMETIC, place, "adjustments, taxes or sums do not follow from the lines")
        kind = "invoice" if index == 0 else "credit_note" if expected["total"] < 0 else "debit_note"
        need(kind == document.fields["kind"], ARITHMETIC, place, "its kind does not fit its total")
        if index:
            moved, was = [], sums[before[-1].basis][1]
            for at in sorted(set(hours) | set(was)) if not document.cancels else []:
                counts = [one - two for one, two in zip(hours.get(at, [0] * 7), was.get(at, [0] * 7))]
                if any(counts):
                    moved.append({"hour": show_hour(at), "counts": dict(zip(COUNTS, map(str, counts)))})
            need(moved == document.content["hours"], ARITHMETIC, place, "the hours that moved are others")
    return f"{show_amount(truth['total'], decimals)} {currency}"


# --- a receipt ------------------------------------------------------------------------------------------------------

RECEIPT = re.compile(
    r"clicktrail receipt 1\nevent ([^\n]+)\nkind ([^\n]+)\nadvertiser ([^\n]+)\nevent_time (-?[1-9][0-9]{0,18}|0)\n"
    r"captured_at (-?[1-9][0-9]{0,18}|0)\nrow ([0-9a-f]{64})\nframe ([^\n]+) (0|[1-9][0-9]{0,4}) ([0-9a-f]{64})\n"
    r"position ([^\n]+)\n"
)


def check_receipt(bundle, clicks, keys, data):
    """Whether what a receipt promises is what the bundle proves."""
    place = "receipt"
    need(len(data) <= 16 << 10, UNREADABLE, place, "it is too long")
    word = data.rstrip(b" \t\n\r\f")
    if re.fullmatch(rb"[A-Za-z0-9_-]*", word):
        data = base64.urlsafe_b64decode(word + b"=" * (-len(word) % 4)) if len(word) % 4 != 1 else b""
        need(base64.urlsafe_b64encode(data).rstrip(b"=") == word, UNREADABLE, place, "it is no token")
    if data.endswith(b"\n\nunsigned\n"):
        text, signatures = data[: -len(b"\nunsigned\n")].decode(errors="replace"), []
    else:
        text, signatures = read_note(place, data, UNREADABLE)
    found = RECEIPT.fullmatch(text)
    need(found, UNREADABLE, place, "it is no receipt")
    event, kind, advertiser, happened, captured, digest, frame, row_number, _, at = found.groups()
    spooled = at == "spooled"
    try:
        at = None if spooled else position(place, at)
        fits = int(happened) in INT64 and int(captured) in INT64 and int(row_number) < 1 << 16
        need(fits and (spooled or at & 0xFFFF == int(row_number)), UNREADABLE, place, "it is no receipt")
    except Fail as fail:
        raise Fail(UNREADABLE, place, fail.reason) from None
    signed = signed_by(place, text, signatures, keys)
    need(signed, UNTRUSTED, place, "no key that was given signed it: it binds nobody")
    table, elsewhere = bundle.table("rows.csv"), None
    while table.at < len(table.text):
        row = table.next()
        is_place = row["position"] & 0xFFFF == int(row_number) if spooled else row["position"] == at
        parts = table.encode(row)[2 + 9 + 9 :]
        is_it = row["event_id"] == event and sha256(b"\5\1" + parts).hex() == digest
        if is_place and is_it:
            return show(row["position"])
        need(spooled or not is_place, BROKEN, place, f"another row than the promised one is at {show(row['position'])}")
        elsewhere = row["position"] if is_it else elsewhere
    need(not spooled, INCOMPLETE, place, "its frame was on the spool, and no row that is there is it")
    need(elsewhere is None, BROKEN, place, "the event is elsewhere")
    late = int(captured) // HOUR_MICROS + 25
    is_before = any(manifest.positions[1] <= at and manifest.hour >= late for manifest in clicks)
    need(not is_before, BROKEN, place, "the log ends before that, long behind it")
    subject = bundle.subject
    is_asked = subject["kind"] == "events" and bundle.period[0] <= int(happened) < bundle.period[1]
    is_covered = any(manifest.positions[0] <= at < manifest.positions[1] for manifest in clicks)
    is_absent = is_asked and is_covered and subject["advertiser_id"] == advertiser
    need(not is_absent, BROKEN, place, "all rows of its advertiser are there, and none is it")
    raise Fail(INCOMPLETE, place, "it is not what this bundle is about")


# --- all of it ------------------------------------------------------------------------------------------------------


def describe(subject):
    """What a bundle is about, in words that a terminal shows as they are."""
    of = subject["advertiser_id"]
    if subject["kind"] == "invoice":
        lines = "" if subject["campaigns"] is None else f", only the lines of {', '.join(subject['campaigns'])}"
        words = f"{subject['document']} of {of}{lines}"
    elif subject["kind"] == "events":
        words = f"events of {of} from {subject['from']} to {subject['to']}"
    else:
        words = f"the event at {show(subject['position'])} of {of}"
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in words)


def verify(data, keys, witnesses, handed_in, receipt=None):
    """Numbers of a bundle that verifies; raises Fail for any other."""
    bundle = Bundle(data)
    subject, kind = bundle.subject, bundle.subject["kind"]
    origin, size, root = check_head(bundle, keys, witnesses)
    entries, last = check_log(bundle, size, root)
    clicks, verdicts, issued = check_hours(bundle, entries, last)
    documents, bases, horizon, currency = [], {}, None, None
    period = (-(1 << 63), (1 << 63) - 1)
    if kind == "invoice":
        documents, bases = check_documents(bundle, clicks)
        check_handed_in(documents, handed_in)
        check_consistency(bundle, bases, origin, size, root)
        check_issued(bundle, issued, documents, handed_in)
        period, currency = documents[0].period, documents[0].currency
        counted_hours = {at for basis in bases.values() for at in basis.known}
        known = [one for basis in bases.values() for one in basis.known.values()]
        known = [before if knows is None else knows for knows, before in known]
        horizon = max((at for at in known if at is not None), default=None)
    else:
        check_handed_in([], handed_in)

    def counted(manifest):
        return {"invoice": lambda: manifest.hour in counted_hours, "events": lambda: manifest.reaches(period)}.get(
            kind, lambda: True
        )()

    if kind == "events":
        period = bundle.period
    if kind == "event":
        low, high = clicks[0].positions
        fits = len(clicks) == 1 and low <= subject["position"] < high
        need(fits, INCOMPLETE, "bundle.json", "the event is not in the hour that is there")
    else:
        begins = clicks[0].hour <= period[0] // HOUR_MICROS or clicks[0].previous is None
        fits = begins and clicks[-1].hour >= (period[1] - 1) // HOUR_MICROS
        fits = fits and (kind != "events" or clicks[-1].hour == last["clicks"])
        need(fits, INCOMPLETE, "bundle.json", "its hours of clicks do not cover what is asked for")
    shown = [manifest for manifest in clicks if manifest.rows and counted(manifest)]
    check_coverage(bundle, shown, verdicts, last.get("verdicts"), horizon)
    rows = Rows(bundle, clicks, counted, period, currency)
    by_target = check_verdicts(bundle, verdicts, rows)
    pinned = list(dict.fromkeys(document.basis for document in reversed(documents)))[::-1]
    ways = [
        (bases[digest].place, bases[digest].known.get, bases[digest].known_at_least(verdicts)) for digest in pinned
    ]
    ways = ways or [("verdicts.csv", lambda _: EVERYTHING, lambda _: 0)]
    sums, otherwise = count(bundle, rows, by_target, ways)
    total = None
    if documents:
        total = check_money(bundle, documents, dict(zip(pinned, sums)))
    unused = sorted(set(bundle.files) - bundle.used)
    need(not unused, INTEGRITY, unused[0] if unused else "", "it belongs to nothing that is proved")
    kept_at = None if receipt is None else check_receipt(bundle, clicks, keys, receipt)
    clicks_counted = [sum(counts[at] for counts in sums[-1][0].values()) for at in range(7)]
    return {
        "subject": describe(subject),
        "log_size": size,
        "hours": len(clicks),
        "verdict_hours": len(verdicts),
        "rows": len(rows.all),
        "verdicts": sum(map(len, by_target.values())),
        "people": rows.with_people,
        "clicks": dict(zip(COUNTS[:6], clicks_counted)),
        "ruled_otherwise": {"clicks": otherwise[0], "spend_micros": str(otherwise[1]) if documents else ""},
        "documents": len(documents),
        "total": total if bundle.campaigns is None else None,
        "receipt_kept_at": kept_at,
    }


def main():
    sys.setrecursionlimit(10_000)
    parser = argparse.ArgumentParser(description="Checks a bundle of evidence without any connection.")
    parser.add_argument("file")
    parser.add_argument(
        "--key", action="append", required=True, help="public key of the log: name+id+base64, or its file"
    )
    parser.add_argument(
        "--witness-key", action="append", default=[], help="public key of a witness that must have signed"
    )
    parser.add_argument(
        "--document", action="append", default=[], help="a document as you have it, in its canonical JSON"
    )
    parser.add_argument("--receipt", help="a receipt, as text or token: was its promise kept?")
    parser.add_argument("--output", choices=["text", "json"], default="text")
    arguments = parser.parse_args()
    try:
        keys = [Key(text) for text in arguments.key]
        witnesses = [Key(text) for text in arguments.witness_key]
        for key, kind in [(key, 1) for key in keys] + [(key, 4) for key in witnesses]:
            if key.kind != kind:
                raise ValueError(f"{key.name}: a log's key is of kind 1, a witness's of kind 4")
        handed_in = set()
        for name in arguments.document:
            with open(name, "rb") as file:
                handed_in.add(sha256(file.read()))
        receipt = None
        if arguments.receipt is not None:
            with open(arguments.receipt, "rb") as file:
                receipt = file.read()
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    numbers, failure = None, None
    try:
        with open(arguments.file, "rb") as file:
            fits = os.fstat(file.fileno()).st_size <= ARCHIVE_BYTES_MAX
            need(fits, INTEGRITY, "the file", "it is too long")
            data = file.read()
        numbers = verify(data, keys, witnesses, handed_in, receipt)
    except OSError as error:
        failure = Fail(UNREADABLE, arguments.file, str(error))
    except MemoryError:
        failure = Fail(UNREADABLE, arguments.file, "there is not enough memory for it here")
    except Fail as fail:
        failure = fail
    code = failure.code if failure else 0
    if arguments.output == "json":
        described = failure and {"kind": KINDS[code], "place": failure.place, "reason": failure.reason}
        print(
            json.dumps({"verified": code == 0, "exit_code": code, "failure": described, "numbers": numbers}, indent=2)
        )
    elif failure:
        print(f"NOT VERIFIED ({KINDS[code]}, exit code {code})\n{failure}")
    else:
        subject, total = numbers.pop("subject"), numbers["total"]
        print(f"VERIFIED  {subject}" + ("" if total is None else f": {total}"))
        for name, value in numbers.items():
            print(f"  {name}: {value}")
    return code


if __name__ == "__main__":
    sys.exit(main())
