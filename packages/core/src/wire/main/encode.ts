import { MultifdError } from '../../errors.js';
import { concat, u8, u16, u32 } from '../bytes.js';
import { isPageSize, MAIN_MAGIC, MAIN_VERSION, SECTION } from '../layout.js';
import { encodeName, encodePstr, encodeUtf8 } from '../text.js';

export * from './encode-ram.js';

const SUBSECTION_VERSION = 1;
const UUID_SIZE = 16;

/** Content of the configuration (docs/wire.md, 2.2). */
export interface Configuration {
  /** Canonical versioned name, `pc-q35-10.0`; 1 to 255 bytes. */
  readonly machineType: string;
  /** log2 of the page size, 12 to 16; only for targets whose page size varies. */
  readonly targetPageBits?: number;
  /** Names of validated capabilities; none if empty. */
  readonly capabilities?: readonly string[];
  /** 16 bytes; only if the destination should compare it. */
  readonly uuid?: Uint8Array;
}

/** Magic, version, and the byte that starts the configuration (docs/wire.md, 2.1). */
export function encodeFileHeader(): Uint8Array {
  return concat(u32(MAIN_MAGIC), u32(MAIN_VERSION), u8(SECTION.CONFIGURATION));
}

/**
 * The configuration, without the byte that starts it, which is part of the file header.
 * @throws MultifdError `usage` for values that do not fit their fields.
 */
export function encodeConfiguration(configuration: Configuration): Uint8Array {
  const { machineType, targetPageBits, capabilities = [], uuid } = configuration;
  const name = encodeName(machineType, 'machine type');
  const parts = [u32(name.length), name];
  if (targetPageBits !== undefined) {
    if (!isPageSize(2 ** targetPageBits)) {
      throw new MultifdError('usage', `target page bits ${targetPageBits}: must be 12 to 16`);
    }
    parts.push(encodeSubsection('configuration/target-page-bits', u32(targetPageBits)));
  }
  if (capabilities.length > 0) {
    const names = capabilities.map((capability) => encodePstr(capability, 'capability'));
    parts.push(encodeSubsection('configuration/capabilities', concat(u32(names.length), ...names)));
  }
  if (uuid !== undefined) {
    if (uuid.length !== UUID_SIZE) {
      throw new MultifdError('usage', `uuid: must be ${UUID_SIZE} bytes, is ${uuid.length}`);
    }
    parts.push(encodeSubsection('configuration/uuid', uuid));
  }
  return concat(...parts);
}

function encodeSubsection(name: string, body: Uint8Array): Uint8Array {
  return concat(u8(SECTION.SUBSECTION), encodePstr(name, 'subsection'), u32(SUBSECTION_VERSION), body);
}

/**
 * Header of a START or FULL section. `sectionId` is any u32 that is unique in the stream, constant per object.
 * @throws MultifdError `usage` unless `idstr` is 1 to 255 bytes.
 */
export function encodeSectionStart(
  kind: 'start' | 'full',
  sectionId: number,
  idstr: string,
  instanceId: number,
  versionId: number,
): Uint8Array {
  const type = kind === 'start' ? SECTION.START : SECTION.FULL;
  return concat(u8(type), u32(sectionId), encodePstr(idstr, 'section'), u32(instanceId), u32(versionId));
}

/** Header of a PART or END section of the object whose START section has the same id. */
export function encodeSectionPart(kind: 'part' | 'end', sectionId: number): Uint8Array {
  return concat(u8(kind === 'part' ? SECTION.PART : SECTION.END), u32(sectionId));
}

/** The footer that ends every section. */
export function encodeFooter(sectionId: number): Uint8Array {
  return concat(u8(SECTION.FOOTER), u32(sectionId));
}

/** A command (docs/wire.md, 2.4). @throws MultifdError `internal` for more than 65535 bytes of data. */
export function encodeCommand(id: number, data: Uint8Array = new Uint8Array(0)): Uint8Array {
  if (data.length > 0xffff) throw new MultifdError('internal', `command ${id}: ${data.length} bytes of data`);
  return concat(u8(SECTION.COMMAND), u16(id), u16(data.length), data);
}

/** The byte after the last section. */
export function encodeEndOfSections(): Uint8Array {
  return u8(SECTION.EOF);
}

/** The description, which follows the end of sections and ends the stream; see `describeDevices`. */
export function encodeVmDescription(json: string): Uint8Array {
  const text = encodeUtf8(json);
  return concat(u8(SECTION.VMDESCRIPTION), u32(text.length), text);
}
