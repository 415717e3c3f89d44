"""Computes counters hour by hour with other engines, each told on a line of stdin. The argument is a file of JSON.

Results are JSON. Nobody ruled anything, so nothing is joined. An engine that is not installed is not in the first line
of the output.
"""

import glob
import json
import os
import sys
import time

with open(sys.argv[1]) as file:
    job = json.load(file)
os.environ["POLARS_MAX_THREADS"] = str(job["threads"])
SCRATCH, HOURS = job["scratch"], job["hours"]
SQL = "\n".join(line for line in job["sql"].splitlines() if not line.startswith("--"))
SQL = SQL.rstrip().rstrip(";").replace("r.category", "c.category")
head, tail = SQL.split("FROM rulings r\nRIGHT JOIN clicks c ON c.position = r.position")
os.makedirs(SCRATCH, exist_ok=True)


def sql(clicks):
    return f"{head} FROM {clicks} c {tail}"


def duckdb_engine():
    import duckdb

    database = duckdb.connect()
    database.execute(f"SET threads = {job['threads']}")
    database.execute("SET TimeZone = 'UTC'")
    database.execute("SET enable_progress_bar = false")

    def one(files, out):
        clicks = f"(SELECT *, NULL::VARCHAR AS category FROM read_parquet({files!r}, hive_partitioning = false))"
        database.execute(f"COPY ({sql(clicks)}) TO '{out}' (FORMAT parquet, COMPRESSION zstd)")

    return duckdb.__version__, one


def polars_engine():
    import polars as pl

    kind = pl.col("kind").cast(pl.String)
    count = lambda name: (kind == name).sum().cast(pl.Int64)
    money = lambda column, name: pl.col(column).filter(kind == name).sum().cast(pl.Decimal(38, 0))
    keys = ["advertiser_id", "campaign_id", "ad_id", "publisher_id", "minute", "country", "device_type", "currency"]
    measures = {
        "impressions": count("impression"),
        "clicks": count("click"),
        "billable_clicks": count("click"),
        "conversions": count("conversion"),
        "probes": count("probe"),
        "prefetches": count("prefetch"),
        "spend_micros": money("price_micros", "click"),
        "value_micros": money("value_micros", "conversion"),
    }
    # What is invalid is nothing, and a constant.
    names = [text.rsplit(" AS ", 1)[-1].strip(" ,") for text in head.splitlines() if " AS " in text]
    nothing = [pl.lit(0).alias(name) for name in names if name not in measures and name != "minute"]

    def one(files, out):
        clicks = pl.scan_parquet(files, hive_partitioning=False)
        minute = pl.col("event_time").dt.truncate("1m").alias("minute")
        rows = clicks.with_columns(minute).group_by(keys).agg(**measures).with_columns(nothing)
        rows.sort(keys).sink_parquet(out, compression="zstd")

    return pl.__version__, one


def chdb_engine():
    import chdb
    from chdb import session

    database = session.Session()
    settings = f"max_threads = {job['threads']}, cast_keep_nullable = 1"
    settings += ", output_format_parquet_compression_method = 'zstd'"
    settings += ", engine_file_truncate_on_insert = 1, session_timezone = 'UTC'"

    def one(files, out):
        # Alternatives may not hold a slash. The files of an hour lie in one directory.
        folder, names = os.path.dirname(files[0]), ",".join(os.path.basename(file) for file in files)
        names = files[0] if len(files) == 1 else f"{folder}/{{{names}}}"
        clicks = f"(SELECT *, CAST(NULL AS Nullable(String)) AS category FROM file('{names}', Parquet))"
        # At the end of both, or the insertion does not see them.
        database.query(f"INSERT INTO FUNCTION file('{out}', Parquet) {sql(clicks)} SETTINGS {settings}")

    return chdb.__version__, one


engines = {}
for name, make in {"DuckDB": duckdb_engine, "Polars": polars_engine, "chDB": chdb_engine}.items():
    try:
        engines[name] = make()
    except ImportError:
        pass
print(json.dumps({name: version for name, (version, _) in engines.items()}), flush=True)

for line in sys.stdin:
    name = line.strip()
    for old in glob.glob(f"{SCRATCH}/*.parquet"):
        os.remove(old)
    started, cpu = time.perf_counter(), time.process_time()
    for number, files in enumerate(HOURS):
        engines[name][1](files, f"{SCRATCH}/{number}.parquet")
    took = {"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu}
    import duckdb

    sums = "COUNT(*), SUM(clicks), SUM(CAST(spend_micros AS DECIMAL(38, 0)))::VARCHAR"
    query = f"SELECT {sums} FROM read_parquet('{SCRATCH}/*.parquet')"
    rows, clicks, spend = duckdb.connect().execute(query).fetchone()
    print(json.dumps(took | {"rows": rows, "clicks": int(clicks), "spend": spend}), flush=True)
