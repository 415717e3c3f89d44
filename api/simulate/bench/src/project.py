"""Runs the projection's SQL in DuckDB and compares its rows with our segment. Argument and result are JSON."""

import json
import sys
import time

import duckdb

job = json.loads(sys.argv[1])
database = duckdb.connect()
database.execute(f"SET threads = {job['threads']}")
database.execute("SET TimeZone = 'UTC'")
database.execute("SET enable_progress_bar = false")
database.execute("CREATE TABLE rulings (position BIGINT, category VARCHAR)")
database.execute(f"CREATE VIEW clicks AS SELECT * FROM read_parquet({job['files']!r}, hive_partitioning = false)")
sql = job["sql"].rstrip().rstrip(";")


def seconds(statement):
    started = time.perf_counter()
    database.execute(statement)
    return time.perf_counter() - started


to_file, in_memory = [], []
for _ in range(job["rounds"]):
    to_file.append(seconds(f"COPY ({sql}) TO '{job['scratch']}' (FORMAT parquet, COMPRESSION zstd)"))
    in_memory.append(seconds(f"CREATE OR REPLACE TEMP TABLE theirs AS {sql}"))
database.execute(f"CREATE VIEW ours AS SELECT * FROM read_parquet('{job['segment']}', hive_partitioning = false)")
one_way = "SELECT COUNT(*) FROM (SELECT * FROM {} EXCEPT ALL SELECT * FROM {})"
differences = sum(
    database.execute(one_way.format(*pair)).fetchone()[0] for pair in [("ours", "theirs"), ("theirs", "ours")]
)
json.dump(
    {
        "version": duckdb.__version__,
        "to_file": to_file,
        "in_memory": in_memory,
        "rows": database.execute("SELECT COUNT(*) FROM theirs").fetchone()[0],
        "differences": differences,
    },
    sys.stdout,
)
