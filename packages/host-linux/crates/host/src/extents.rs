//! Where a whole mapping has something, for trackers.

use std::io;
use std::ops::Range;

use crate::area::page_size;
use crate::mapping::Mapping;
use crate::pagemap::{PRESENT, Pagemap, Query, Region, SWAPPED, Scan};
use crate::presence::seek;

/// How finely a file is divided into data and holes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extents {
    Exact,
    /// Rounded outward to what one page table maps: scattered pages do not make many pieces.
    Tables,
}

/// Bytes that one page table maps: as many entries as fit into a page.
fn table_size() -> u64 {
    (page_size() / 8 * page_size()) as u64
}

/// Ranges of bytes of private memory that has page tables with something in them, ascending and apart.
pub(crate) fn occupied_tables(mapping: &Mapping, map: &Pagemap) -> io::Result<Vec<Range<u64>>> {
    const ANYTHING: Query = Query {
        all: 0,
        none: 0,
        any: PRESENT | SWAPPED,
        tell: PRESENT,
        flags: 0,
    };
    let (addresses, round) = (mapping.range(), table_size());
    let length = addresses.end - addresses.start;
    let mut regions = [Region::default(); 256];
    let mut all: Vec<Range<u64>> = Vec::new();
    let mut walk = Scan::new(map, addresses.start, addresses.end, ANYTHING);
    loop {
        let filled = walk.next(&mut regions)?;
        if filled == 0 {
            return Ok(all);
        }
        for each in &regions[..filled] {
            let start = (each.start - addresses.start) / round * round;
            let end = (each.end - addresses.start).next_multiple_of(round).min(length);
            match all.last_mut().filter(|last| last.end >= start) {
                Some(last) => last.end = last.end.max(end),
                None => all.push(start..end),
            }
        }
    }
}

/// Ranges of bytes of a mapping that its file has data for, ascending and apart. All of it where that is not known.
pub(crate) fn extents(mapping: &Mapping, extents: Extents) -> Vec<Range<u64>> {
    let length = mapping.area.len() as u64;
    let whole = || std::iter::once(0..length).collect();
    let Some(backed) = mapping.backed.as_ref().filter(|backed| backed.holes) else {
        return whole();
    };
    let round = if extents == Extents::Exact { 1 } else { table_size() };
    let mut all: Vec<Range<u64>> = Vec::new();
    let mut at = 0;
    while at < length {
        let data = match seek(&backed.file, backed.offset + at, libc::SEEK_DATA) {
            Ok(data) if data < backed.offset + length => data - backed.offset,
            Ok(_) | Err(libc::ENXIO) => break,
            Err(_) => return whole(),
        };
        let hole = match mapping.end_of_data(backed, backed.offset + data) {
            Ok(hole) => hole - backed.offset,
            Err(_) => length,
        };
        let (start, end) = (
            data / round * round,
            hole.max(data + 1).next_multiple_of(round).min(length),
        );
        match all.last_mut().filter(|last| last.end >= start) {
            Some(last) => last.end = end,
            None => all.push(start..end),
        }
        at = end;
    }
    all
}
