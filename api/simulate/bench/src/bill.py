"""Sums one advertiser's clicks of a period by campaign, from raw files, in DuckDB. Argument and result are JSON."""

import json
import sys
import time

import duckdb

job = json.loads(sys.argv[1])
database = duckdb.connect()
database.execute(f"SET threads = {job['threads']}")
database.execute("SET TimeZone = 'UTC'")
database.execute("SET enable_progress_bar = false")
sql = f"""
    SELECT campaign_id, COUNT(*), CAST(SUM(price_micros) AS VARCHAR)
    FROM read_parquet({job['files']!r}, hive_partitioning = false)
    WHERE kind = 'click' AND advertiser_id = ? AND epoch_us(event_time) >= ? AND epoch_us(event_time) < ?
    GROUP BY campaign_id ORDER BY campaign_id
"""
seconds = []
for _ in range(job["rounds"]):
    started = time.perf_counter()
    rows = database.execute(sql, [job["advertiser"], job["from"], job["to"]]).fetchall()
    seconds.append(time.perf_counter() - started)
json.dump({"version": duckdb.__version__, "seconds": seconds, "rows": rows}, sys.stdout)
