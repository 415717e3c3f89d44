"""Joins a partner's list with our clicks by id, in DuckDB. Argument and result are JSON."""

import json
import sys
import time

import duckdb

job = json.loads(sys.argv[1])
database = duckdb.connect()
database.execute(f"SET threads = {job['threads']}")
database.execute("SET enable_progress_bar = false")
join = f"""
    SELECT COUNT(*) FILTER (o.id IS NOT NULL AND t.id IS NOT NULL), COUNT(*) FILTER (t.id IS NULL),
        COUNT(*) FILTER (o.id IS NULL), SUM(o.price), SUM(t.price)
    FROM (
        SELECT event_id AS id, price_micros AS price FROM read_parquet({job['ours']!r}, hive_partitioning = false)
        WHERE kind = 'click' AND advertiser_id = 'acme'
    ) o
    FULL JOIN (SELECT click AS id, CAST(cpc * 1000000 AS BIGINT) AS price FROM read_csv('{job['theirs']}')) t
    ON o.id = t.id
"""
seconds = []
for _ in range(job["rounds"]):
    started = time.perf_counter()
    row = database.execute(join).fetchone()
    seconds.append(time.perf_counter() - started)
json.dump({"version": duckdb.__version__, "seconds": seconds, "rows": list(row[:3])}, sys.stdout)
