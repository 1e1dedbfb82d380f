import * as wire from '../src/public/wire.js';
import { writeZeroRecords } from '../src/wire/main/encode-ram.js';
import { ZERO_RECORD_SIZE } from '../src/wire/main/zero-run.js';
import type { Group } from './measure.js';

const PAGE = 4096;
const PAGES = 2 ** 16;
/** Offsets written at a time: one range of the engine. */
const RUN = 1024;
/** Bytes that a socket gives at a time, as a rule. */
const CHUNK = 2 ** 16;
const SECTION = 2;
const BLOCK = { name: 'pc.ram', length: 8 * 2 ** 30 };

/** A stream up to its first RAM section with pages, and then `PAGES` zero records. */
function stream(records: Uint8Array): Uint8Array[] {
  const whole = Buffer.concat([
    wire.encodeFileHeader(),
    wire.encodeConfiguration({ machineType: 'none' }),
    wire.encodeSectionStart('start', SECTION, 'ram', 0, 4),
    wire.encodeBlockList([BLOCK]),
    wire.EOS_RECORD,
    wire.encodeFooter(SECTION),
    wire.encodeSectionPart('part', SECTION),
    wire.encodeZeroRecord(0, BLOCK.name),
    records,
  ]);
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < whole.length; at += CHUNK) chunks.push(whole.subarray(at, at + CHUNK));
  return chunks;
}

export function mainStream(): Group {
  const target = new Uint8Array(PAGES * ZERO_RECORD_SIZE);
  const offsets = new Float64Array(RUN);
  const encode = (): void => {
    for (let first = 0; first < PAGES; first += RUN) {
      for (let i = 0; i < RUN; i++) offsets[i] = (first + i) * PAGE;
      writeZeroRecords(target, first * ZERO_RECORD_SIZE, offsets, RUN);
    }
  };
  encode();
  const chunks = stream(target);
  const decode = (): void => {
    const decoder = new wire.MainStreamDecoder({ pageSize: PAGE });
    let pages = 0;
    for (const chunk of chunks) {
      for (const record of decoder.push(chunk)) if (record.type === 'zero') pages += record.count;
    }
    if (pages !== PAGES + 1) throw new Error(`decoded ${pages} zero records, not ${PAGES + 1}`);
  };
  return {
    name: 'main stream',
    contenders: [
      { name: 'encode zero records', pages: PAGES, passes: 20, run: encode },
      { name: 'decode and check zero records', pages: PAGES, passes: 20, run: decode },
    ],
  };
}
