"""Counts, in an access log and without any code of the judge, what the judge is to find among its clicks.

Prints {"rates": {"5": n, ...}, "googlebot": n, "missing": n, "declared": n} as JSON: clicks that had more than N clicks
of their address in the trailing 60 s, (t - 60 s, t], themselves included, ties in the order of the log; clicks that
Googlebot sent; clicks without a user agent; and clicks whose agent says bot, crawler or spider at the end of a word.
"""

import datetime
import json
import re
import sys
from collections import defaultdict, deque

LINE = re.compile(
    r'(?P<host>\S+) \S+ \S+ \[(?P<time>[^\]]+)\] "(?P<method>[A-Z]+) (?P<target>\S+) HTTP/[\d.]+" '
    r'(?P<status>\d{3}) (?P<bytes>\d+|-) "(?P<referer>(?:[^"\\]|\\.)*)" "(?P<agent>(?:[^"\\]|\\.)*)"'
)
WINDOW = datetime.timedelta(seconds=60)
THRESHOLDS = [5, 10, 20, 30, 60]

clicks = []
with open(sys.argv[1], encoding="utf-8") as log:
    for line in log.read().splitlines():
        match = LINE.fullmatch(line)
        if match and match["method"] in ("GET", "POST"):
            time = datetime.datetime.strptime(match["time"], "%d/%b/%Y:%H:%M:%S %z")
            clicks.append((time, match["host"], match["agent"]))
clicks.sort(key=lambda click: click[0])  # stable: ties stay in the order of the log

rates = dict.fromkeys(THRESHOLDS, 0)
seen = defaultdict(deque)
for time, host, _ in clicks:
    recent = seen[host]
    recent.append(time)
    while recent[0] <= time - WINDOW:
        recent.popleft()
    for threshold in THRESHOLDS:
        rates[threshold] += len(recent) > threshold

googlebot = sum("Googlebot" in agent for _, _, agent in clicks)
missing = sum(agent.strip() in ("", "-") for _, _, agent in clicks)
declared = sum(re.search(r"(?:bot|crawler|spider)\b", agent, re.IGNORECASE) is not None for _, _, agent in clicks)
counts = {"rates": rates, "googlebot": googlebot, "missing": missing, "declared": declared, "clicks": len(clicks)}
json.dump(counts, sys.stdout)
