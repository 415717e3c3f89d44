#!/usr/bin/env python3
"""Makes crawlers.txt, crawlerdetect.txt and isbot.txt from the files of three packages. Nothing is downloaded.

    make_agents.py 2026-11-25 \\
        1.67.0 crawler-user-agents.json LICENSE   (crawler-user-agents: MIT)
        0.4.2  crawlers.py LICENSE                (crawlerdetect: MIT)
        5.2.3  index.mjs LICENSE                  (isbot: Unlicense)

The date is the day on which these releases were the newest of their packages: `clicktrail doctor` warns 90 days later.
The versions must be those of the packages, which stand in their metadata.
"""

import hashlib
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

# Patterns of isbot that are not taken: they look around, or hit people in what they were judged on (docs/decisions,
# "robots by published lists"), or are words that names of people's apps and devices may well begin with or contain.
ISBOT_LEFT_OUT = {
    r"(?:^|[^g])news(?!sapphire)", r"(?<! channel/|google/)google(?!(?:wv|app|/google| pixel))",
    r"(?<! cu)bots?(?:\b|_)", r"(?<!cam)scan", r"(?<!lib)http", r"24x7", r";\s\w+;$", r"@[a-z][\w-]+\.",
    r"\(\)", r"\.com\b", r"\b\w+/1\.0;", r"\bbw/", r"\btime/", r"\|", r"^[<\(;]",
    r"^[\w \.\-\(?:\):%]+(?:/v?\d+(?:\.\d+)?(?:\.\d{1,10})*?)?(?:,|$)", r"^[\w\-]+/[\w]+$",
    r"^[^ ]{50,}$", r"^\d+\b", r"^\w*search\b", r"^\w+/[\w\(\)]*$", r"^\w+/\d\.\d\s\([\w@]+\)$",
    r"^active", r"^ad muncher", r"^amaya", r"^bot", r"^client/", r"^cobweb/", r"^custom", r"^ddg[_-]android",
    r"^discourse", r"^downcast/", r"^duckduckgo", r"^email", r"^exodusmovement", r"^facebook", r"^getright/",
    r"^gozilla/", r"^hotzonu", r"^igetter/", r"^mozilla/\d\.\d\s[\w\.-]+$",
    r"^mozilla/\d\.\d\s\((?:compatible;)?(?:\s?[\w\d-.]+[\s/]\d+\.\d+)?\)$", r"^navermailapp",
    r"^netsurf", r"^offline", r"^python", r"^rank", r"^read", r"^reed", r"^rest", r"^rss", r"^snapchat", r"^sora",
    r"^space bison", r"^swcd", r"^track", r"^whatsapp", r"^wordpress", r"^yahoo", r"^yandex", r"advisor", r"agent\b",
    r"browsex", r"capture", r"catch", r"checker", r"chromeframe", r"cursor/", r"cypress/", r"daum[ /]", r"detect",
    r"discovery", r"dmbrowser", r"download", r"feed", r"firephp", r"grab", r"headless", r"ibisbrowser", r"insight",
    r"inspect", r"java(?!;)", r"library", r"linkcheck", r"mail\.ru/", r"nutch", r"offbyone", r"optimize", r"parser",
    r"powermarks", r"preview", r"proxy", r"radar", r"rexx;", r"rigor", r"rss\b", r"server", r"sogou", r"spider",
    r"splash", r"supercleaner", r"synapse", r"tools", r"torrent", r"transcoder", r"url", r"validator", r"virtuoso",
    r"webglance",
}


def head(what, source, version, date, licence, path, licence_path):
    digest = hashlib.sha256(open(path, "rb").read()).hexdigest()
    lines = [
        what,
        "",
        f"Source: {source}",
        f"Version: {version}",
        f"Date: {date}",
        f"Licence: {licence}",
        f"Digest: sha256 {digest} of {os.path.basename(path)}",
        "",
        "Made by make_agents.py: change it there. The digest of every ruleset that uses the list covers this file.",
        "",
    ]
    lines += open(licence_path, encoding="utf-8").read().strip().splitlines()
    return "".join(f"# {line.rstrip()}".rstrip() + "\n" for line in lines) + "\n"


def write(name, text, patterns):
    with open(os.path.join(HERE, name), "w", encoding="utf-8") as out:
        out.write(text)
        out.writelines(pattern + "\n" for pattern in patterns)
    print(f"{name}: {len(patterns)} patterns")


def plain(pattern):
    """The same pattern without needless escapes, and with blanks at its ends that an editor would not strip."""
    pattern = pattern.replace("\\/", "/")
    pattern = re.sub(r"^ ", "[ ]", pattern)
    return re.sub(r" $", "[ ]", pattern)


def looks_around(pattern):
    return re.search(r"\(\?<?[=!]", pattern) is not None


def main(date, *files):
    crawlers_version, crawlers, crawlers_licence = files[0:3]
    cd_version, cd, cd_licence = files[3:6]
    isbot_version, isbot, isbot_licence = files[6:9]
    write(
        "crawlers.txt",
        head("Crawlers, monitors and automated browsers: one regular expression a line, matched anywhere in the user\n"
             .strip() + " agent. The `pattern` of every entry in its order.",
             "crawler-user-agents (https://github.com/monperrus/crawler-user-agents)", crawlers_version, date, "MIT",
             crawlers, crawlers_licence),
        [plain(entry["pattern"]) for entry in json.load(open(crawlers, encoding="utf-8"))],
    )
    scope = {}
    exec(open(cd, encoding="utf-8").read(), scope)  # a file of one list of texts
    patterns = [pattern for pattern in scope["data"] if not looks_around(pattern)]
    # The one that looks around: Yandex, but for the search app of people.
    patterns += [r"Yandex(?:[^S]|$)" for pattern in scope["data"] if looks_around(pattern)]
    write(
        "crawlerdetect.txt",
        head("Robots and tools as CrawlerDetect knows them, whatever the case. Its exclusions are in people.txt.",
             "crawlerdetect (https://github.com/moskrc/CrawlerDetect), after Crawler-Detect by Mark Beech, MIT too",
             cd_version, date, "MIT", cd, cd_licence),
        ["(?i)" + plain(pattern) for pattern in patterns],
    )
    text = open(isbot, encoding="utf-8").read()
    listed = json.loads(re.search(r"var patterns_default = (\[.*?\n\]);", text, re.S).group(1))
    kept = [pattern for pattern in listed if not looks_around(pattern) and pattern.strip() not in ISBOT_LEFT_OUT]
    write(
        "isbot.txt",
        head("Robots by the words that they use, whatever the case: the patterns of isbot that hit no people.",
             "isbot (https://github.com/omrilotan/isbot)", isbot_version, date, "Unlicense", isbot, isbot_licence),
        ["(?i)" + plain(pattern) for pattern in kept],
    )


if __name__ == "__main__":
    if len(sys.argv) != 11:
        sys.exit(__doc__)
    main(*sys.argv[1:])
