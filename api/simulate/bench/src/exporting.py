"""Selects one advertiser's events of a range from the files of all, in DuckDB. Argument and result are JSON."""

import json
import sys
import time

import duckdb

job = json.loads(sys.argv[1])
database = duckdb.connect()
database.execute(f"SET threads = {job['threads']}")
database.execute("SET TimeZone = 'UTC'")
database.execute("SET enable_progress_bar = false")
rows = f"""
    SELECT * FROM read_parquet({job['files']!r}, hive_partitioning = false)
    WHERE advertiser_id = '{job['advertiser']}'
    AND epoch_us(event_time) >= {job['from']} AND epoch_us(event_time) < {job['to']}
"""
seconds = []
for _ in range(job["rounds"]):
    started = time.perf_counter()
    database.execute(f"COPY ({rows}) TO '{job['out']}' (FORMAT csv)")
    seconds.append(time.perf_counter() - started)
count = database.execute(f"SELECT COUNT(*) FROM ({rows})").fetchone()[0]
json.dump({"version": duckdb.__version__, "seconds": seconds, "rows": count}, sys.stdout)
