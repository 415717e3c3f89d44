//! A writer of small address databases in MaxMind's format 2.0 (24-bit records), for tests and the benchmark: the real
//! ones may not be handed on.

use std::net::Ipv4Addr;

const NODE_EMPTY: u32 = u32::MAX;

/// A database of the places of some IPv4 networks: address, prefix length, degrees north, degrees east.
pub(crate) fn database(networks: &[(Ipv4Addr, u8, f64, f64)]) -> Vec<u8> {
    let records: Vec<_> = networks
        .iter()
        .map(|(address, length, latitude, longitude)| {
            let mut record = Vec::new();
            place(&mut record, *latitude, *longitude);
            (u128::from(u32::from(*address)) << 96, *length, record)
        })
        .collect();
    written(4, &records)
}

/// A database of some networks of a version: the address from its first bit on, prefix length, record.
pub(crate) fn written(version: u16, networks: &[(u128, u8, Vec<u8>)]) -> Vec<u8> {
    let mut data: Vec<u8> = Vec::new();
    let mut tree = vec![[NODE_EMPTY; 2]];
    // Children that lead to data: 0x8000_0000 | offset, until the number of nodes is known.
    for (bits, length, record) in networks {
        let offset = u32::try_from(data.len()).unwrap();
        data.extend(record);
        let mut node = 0;
        for depth in 0..*length {
            let side = (bits >> (127 - depth) & 1) as usize;
            if depth + 1 == *length {
                tree[node][side] = 0x8000_0000 | offset;
            } else {
                if tree[node][side] == NODE_EMPTY {
                    tree[node][side] = u32::try_from(tree.len()).unwrap();
                    tree.push([NODE_EMPTY; 2]);
                }
                node = tree[node][side] as usize;
            }
        }
    }
    let nodes = u32::try_from(tree.len()).unwrap();
    let mut bytes = Vec::new();
    for child in tree.into_iter().flatten() {
        let record = match child {
            NODE_EMPTY => nodes,
            leaf if leaf & 0x8000_0000 != 0 => nodes + 16 + (leaf & 0x7fff_ffff),
            inner => inner,
        };
        bytes.extend(&record.to_be_bytes()[1..]);
    }
    bytes.extend([0; 16]);
    bytes.extend(data);
    bytes.extend(b"\xab\xcd\xefMaxMind.com");
    metadata(&mut bytes, nodes, version);
    bytes
}

fn place(data: &mut Vec<u8>, latitude: f64, longitude: f64) {
    data.push(0b111_00001); // a map of one pair
    text(data, "location");
    data.push(0b111_00010);
    for (name, degrees) in [("latitude", latitude), ("longitude", longitude)] {
        text(data, name);
        data.push(0b011_01000); // a double
        data.extend(degrees.to_be_bytes());
    }
}

fn metadata(bytes: &mut Vec<u8>, nodes: u32, version: u16) {
    bytes.push(0b111_00000 | 9);
    text(bytes, "node_count");
    bytes.push(0b110_00100);
    bytes.extend(nodes.to_be_bytes());
    for (name, value) in [
        ("record_size", 24_u16),
        ("ip_version", version),
        ("binary_format_major_version", 2),
        ("binary_format_minor_version", 0),
    ] {
        text(bytes, name);
        bytes.push(0b101_00010);
        bytes.extend(value.to_be_bytes());
    }
    text(bytes, "build_epoch");
    bytes.extend([8, 2]); // unsigned, 64 bits
    bytes.extend(1_600_000_000_u64.to_be_bytes());
    text(bytes, "database_type");
    text(bytes, "Test-City");
    text(bytes, "languages");
    bytes.extend([0, 4]); // an empty array
    text(bytes, "description");
    bytes.push(0b111_00001);
    text(bytes, "en");
    text(bytes, "for tests");
}

/// A text of a record.
pub(crate) fn text(bytes: &mut Vec<u8>, text: &str) {
    assert!(text.len() < 29, "longer texts have another head");
    bytes.push(0b010_00000 | u8::try_from(text.len()).unwrap());
    bytes.extend(text.as_bytes());
}
