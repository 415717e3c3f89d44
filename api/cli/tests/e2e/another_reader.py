"""Reads a log of sealed hours with somebody else's library: checkpoint, cosignature, every tile, every entry.

    another_reader.py DIRECTORY LOG_VKEY WITNESS_VKEY

DIRECTORY is what a web server would give out. Prints what was found as JSON.
"""

import json
import pathlib
import sys

import aics_tlog
from aics_tlog.checkpoint import checkpoint_from_note

directory, log_key, witness_key = sys.argv[1:]
checkpoint, note = checkpoint_from_note(pathlib.Path(directory, "checkpoint").read_bytes())
keys = [aics_tlog.parse_vkey(key) for key in (log_key, witness_key)]
verified = aics_tlog.verify_checkpoint(note, keys[0], [keys[1]], 1, expected_origin=keys[0].name)
assert verified.ok, verified.error
reader = aics_tlog.FileSystemTileReader(directory)
audit = aics_tlog.audit_tiles(reader, checkpoint.size, checkpoint.root)
for number in range(checkpoint.size):
    entry = aics_tlog.read_entry(reader, number, checkpoint.size)
    assert entry.startswith(b"clicktrail manifest 1\t") and entry.endswith(b"\n"), entry
    proof = aics_tlog.inclusion_proof_from_tiles(reader, number, checkpoint.size)
    leaf = aics_tlog.leaf_hash(entry)
    assert aics_tlog.verify_inclusion(leaf, number, checkpoint.size, proof, checkpoint.root), number
found = {
    "size": checkpoint.size,
    "root": checkpoint.root.hex(),
    "witnesses": verified.witnesses,
    "tiles": audit.tiles,
    "bundles": audit.bundles,
}
print(json.dumps(found))
