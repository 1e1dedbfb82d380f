import { type Cursor, hex } from './cursor.js';
import { MAX_CAPABILITIES, SECTION } from './layout.js';
import type { MigrationFile } from './migration-file.js';

const MAX_MACHINE_TYPE = 255;
const UUID_SIZE = 16;
const SUBSECTION_VERSION = 1;

type Configuration = Pick<MigrationFile, 'machineType' | 'targetPageBits' | 'capabilities' | 'uuid'>;

/** The configuration (docs/wire.md, 2.2), with the byte that starts it. @throws WireError `protocol`. */
export function readConfiguration(cursor: Cursor): Configuration {
  const type = cursor.u8('section type');
  if (type !== SECTION.CONFIGURATION) throw cursor.fault('07, configuration', hex(type));
  cursor.place = 'configuration';
  const size = cursor.u32('machine type length');
  if (size > MAX_MACHINE_TYPE) throw cursor.fault(`at most ${MAX_MACHINE_TYPE}`, `${size}`);
  const machineType = cursor.text(size, 'machine type');
  let targetPageBits: number | undefined;
  let capabilities: readonly string[] = [];
  let uuid: Uint8Array | undefined;
  while (nextIsSubsection(cursor)) {
    const name = cursor.pstr('subsection name');
    const version = cursor.u32('subsection version');
    if (version !== SUBSECTION_VERSION) throw cursor.fault(`${SUBSECTION_VERSION}`, `${version}`);
    if (name === 'configuration/target-page-bits') targetPageBits = readPageBits(cursor);
    else if (name === 'configuration/capabilities') capabilities = readCapabilities(cursor);
    else if (name === 'configuration/uuid') uuid = cursor.take(UUID_SIZE, 'uuid');
    else throw cursor.fault('target-page-bits, capabilities or uuid', name);
  }
  return {
    machineType,
    capabilities,
    ...(targetPageBits === undefined ? {} : { targetPageBits }),
    ...(uuid === undefined ? {} : { uuid }),
  };
}

/** Takes the next byte if it starts a subsection: only another one tells that the configuration is over. */
function nextIsSubsection(cursor: Cursor): boolean {
  if (cursor.u8('section type') === SECTION.SUBSECTION) return true;
  cursor.jump(cursor.offset - 1);
  return false;
}

function readPageBits(cursor: Cursor): number {
  const bits = cursor.u32('target page bits');
  if (bits < 12 || bits > 16) throw cursor.fault('12 to 16', `${bits}`);
  return bits;
}

function readCapabilities(cursor: Cursor): readonly string[] {
  const count = cursor.u32('capability count');
  if (count > MAX_CAPABILITIES) throw cursor.fault(`at most ${MAX_CAPABILITIES}`, `${count}`);
  return Array.from({ length: count }, () => cursor.pstr('capability'));
}
