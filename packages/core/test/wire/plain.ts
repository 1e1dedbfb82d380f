import type { MainRecord } from '../../src/public/wire.js';
import { toHex } from './notation.js';

/** A record with nothing that a later step could change, fit for JSON: bytes as hex, offsets as a list. */
export type PlainRecord = Readonly<Record<string, unknown>>;

export function toPlain(record: MainRecord): PlainRecord {
  switch (record.type) {
    case 'zero':
      return {
        type: 'zero',
        blockName: record.blockName,
        offsets: Array.from(record.offsets.subarray(0, record.count)),
      };
    case 'page':
      return { ...record, data: toHex(record.data) };
    case 'command':
      return { ...record, data: toHex(record.data) };
    case 'configuration':
      return record.uuid === undefined ? { ...record } : { ...record, uuid: toHex(record.uuid) };
    case 'early-section':
      return {
        type: record.type,
        bytes: toHex(record.bytes),
        beforeRam: record.beforeRam,
        section:
          record.section === undefined ? 'none' : { ...record.section, body: toHex(record.section.body) },
      };
    case 'device-state': {
      const sections = record.sections.map((section) => ({ ...section, body: toHex(section.body) }));
      const end = { type: record.type, bytes: toHex(record.bytes), sections };
      return record.vmdesc === undefined ? end : { ...end, vmdesc: record.vmdesc };
    }
    default:
      return { ...record };
  }
}

/** How zero records are cut into runs depends on the chunks: joins neighbours of one block. */
export function mergeZeroRuns(records: readonly PlainRecord[]): PlainRecord[] {
  const merged: PlainRecord[] = [];
  for (const record of records) {
    const last = merged.at(-1);
    const joins = record.type === 'zero' && last?.type === 'zero' && last.blockName === record.blockName;
    if (joins && Array.isArray(last.offsets) && Array.isArray(record.offsets)) {
      merged[merged.length - 1] = { ...last, offsets: [...last.offsets, ...record.offsets] };
    } else {
      merged.push(record);
    }
  }
  return merged;
}
