"""Counts an access log as clicks by campaign and day, without any code of the import.

Prints {"counts": [[campaign, day, clicks, probes, spend_micros], ...], "rejected": [line, ...]} as JSON.
"""

import datetime
import json
import re
import sys
from collections import Counter

LINE = re.compile(
    r'(?P<host>\S+) \S+ \S+ \[(?P<time>[^\]]+)\] "(?P<method>[A-Z]+) (?P<target>\S+) HTTP/[\d.]+" '
    r'(?P<status>\d{3}) (?P<bytes>\d+|-) "(?P<referer>(?:[^"\\]|\\.)*)" "(?P<agent>(?:[^"\\]|\\.)*)"'
)
KINDS = {"GET": "click", "POST": "click", "HEAD": "probe"}

counts, rejected = Counter(), []
with open(sys.argv[1], encoding="utf-8") as log:
    for line in log.read().splitlines():
        match = LINE.fullmatch(line)
        kind = match and KINDS.get(match["method"])
        if not kind:
            rejected.append(line)
            continue
        time = datetime.datetime.strptime(match["time"], "%d/%b/%Y:%H:%M:%S %z")
        day = time.astimezone(datetime.timezone.utc).date().isoformat()
        campaign = match["target"].split("?")[0].split("/")[1] or "home"
        counts[campaign, day, kind] += 1

keys = sorted({(campaign, day) for campaign, day, _ in counts})
rows = [[c, d, counts[c, d, "click"], counts[c, d, "probe"], counts[c, d, "click"] * 10_000] for c, d in keys]
json.dump({"counts": rows, "rejected": rejected}, sys.stdout)
