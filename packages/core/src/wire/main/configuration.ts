import { hex } from '../bytes.js';
import { isPageSize, MAIN_MAGIC, MAIN_VERSION, MAX_NAME_SIZE, SECTION } from '../layout.js';
import { quote } from '../text.js';
import type { ByteReader, Reading } from './byte-reader.js';
import { missingPart } from './old-machines.js';
import type { ConfigurationRecord } from './records.js';

const UUID_SIZE = 16;
/** More than QEMU has, yet few enough to read them all before refusing them by name. */
const MAX_CAPABILITIES = 64;

/** What the configuration holds besides the machine type, each at most once. */
interface Subsections {
  targetPageBits?: number;
  capabilities?: readonly string[];
  uuid?: Uint8Array;
}

/**
 * Reads magic, version and the byte that starts the configuration (docs/wire.md, 2.1).
 * @throws WireError `protocol`.
 */
export function* readFileHeader(reader: ByteReader): Reading<void> {
  const magic = yield* reader.u32('magic');
  if (magic !== MAIN_MAGIC) throw reader.fault(`${hex(MAIN_MAGIC)} ("QEVM")`, hex(magic, 8));
  const version = yield* reader.u32('version');
  if (version !== MAIN_VERSION) throw reader.fault(`${MAIN_VERSION}`, `${version}`);
  const type = yield* reader.u8('section type');
  if (type !== SECTION.CONFIGURATION)
    throw missingPart(reader, `${hex(SECTION.CONFIGURATION, 2)}, configuration`, type, 'send-configuration');
}

/**
 * Reads the configuration (docs/wire.md, 2.2), and the byte after it: only that byte shows that it has ended.
 * @param ownPageSize this end's page size in bytes; this end then accepts no capability. Undefined for a reader that
 *   accepts any page size and capabilities.
 * @throws WireError `protocol`; `incompatible` for another page size and for any capability.
 */
export function* readConfiguration(
  reader: ByteReader,
  ownPageSize: number | undefined,
): Reading<{ record: ConfigurationRecord; nextType: number }> {
  reader.part = 'configuration';
  const size = yield* reader.u32('machine type length');
  if (size < 1 || size > MAX_NAME_SIZE) throw reader.fault(`1 to ${MAX_NAME_SIZE}`, `${size}`);
  const machineType = reader.name(yield* reader.take(size, 'machine type'));
  const found: Subsections = {};
  for (;;) {
    const nextType = yield* reader.u8('section type');
    if (nextType !== SECTION.SUBSECTION) {
      const { capabilities = [], ...others } = found;
      return { record: { type: 'configuration', machineType, capabilities, ...others }, nextType };
    }
    yield* readSubsection(reader, ownPageSize, found);
  }
}

function* readSubsection(
  reader: ByteReader,
  ownPageSize: number | undefined,
  found: Subsections,
): Reading<void> {
  const name = yield* reader.pstr('subsection name');
  const key = keyOf(name);
  if (key === undefined || found[key] !== undefined) {
    const expected = 'target-page-bits, capabilities or uuid, each once';
    throw reader.fault(expected, quote(name));
  }
  const version = yield* reader.u32('subsection version');
  if (version !== 1) throw reader.fault('1', `${version}`);
  if (key === 'targetPageBits') found.targetPageBits = yield* readPageBits(reader, ownPageSize);
  else if (key === 'capabilities')
    found.capabilities = yield* readCapabilities(reader, ownPageSize === undefined);
  else found.uuid = (yield* reader.take(UUID_SIZE, 'uuid')).slice();
}

function keyOf(name: string): keyof Subsections | undefined {
  switch (name) {
    case 'configuration/target-page-bits':
      return 'targetPageBits';
    case 'configuration/capabilities':
      return 'capabilities';
    case 'configuration/uuid':
      return 'uuid';
    default:
      return undefined;
  }
}

function* readPageBits(reader: ByteReader, ownPageSize: number | undefined): Reading<number> {
  const bits = yield* reader.u32('target page bits');
  if (ownPageSize === undefined) {
    if (!isPageSize(2 ** bits)) throw reader.fault('12 to 16', `${bits}`);
  } else if (bits !== Math.log2(ownPageSize)) {
    throw reader.fault(
      `${Math.log2(ownPageSize)} (pages of ${ownPageSize} bytes)`,
      `${bits}`,
      'incompatible',
      'give this end the page size of the guest',
    );
  }
  return bits;
}

function* readCapabilities(reader: ByteReader, any: boolean): Reading<readonly string[]> {
  const count = yield* reader.u32('capability count');
  if (count > MAX_CAPABILITIES) throw reader.fault(`at most ${MAX_CAPABILITIES}`, `${count}`);
  const names: string[] = [];
  for (let i = 0; i < count; i++) names.push(yield* reader.pstr('capability'));
  if (names.length > 0 && !any) {
    reader.field = 'capabilities';
    throw reader.fault(
      'none',
      names.join(', '),
      'incompatible',
      `turn ${names.join(', ')} off on the source`,
    );
  }
  return names;
}

/** A stream's configuration section besides the machine type (docs/wire.md, 2.2). */
export interface StreamConfiguration {
  /** log2 of the page size. Targets with only one size, such as x86, omit it; arm always sends it. */
  readonly targetPageBits?: number;
  /** 16 bytes, for the destination to compare: the source has `validate-uuid` on. */
  readonly uuid?: Uint8Array;
}
