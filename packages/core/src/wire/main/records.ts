/** A device's state as in the stream: one FULL section. `idstr` and `instanceId` together name the device. */
export interface DeviceSection {
  /** 1 to 255 bytes of UTF-8 without NUL; not `ram` or `multifd/report`. An early one begins with printable ASCII. */
  readonly idstr: string;
  /** 0 to 2^32-1. */
  readonly instanceId: number;
  /** 0 to 2^32-1. */
  readonly versionId: number;
  /** The bytes between the section's header and its footer. */
  readonly body: Uint8Array;
  /** Whether it comes before the first round of RAM, as virtio-mem's state does, and not after the last. */
  readonly early?: true;
  /** For an early one: whether it comes before the START section of RAM (QEMU 11.1), and not after it (10.0). */
  readonly beforeRam?: true;
}

/** A RAM block as the block list names it. */
export interface ListedBlock {
  readonly name: string;
  /** Used length in bytes, a multiple of the page size. */
  readonly length: number;
  /** Guest-physical address, only with x-ignore-shared; 0 if it has none. `MainStreamDecoder` never sets it. */
  readonly address?: number;
}

/** "QEVM" and a valid version. */
export interface HeaderRecord {
  readonly type: 'header';
}

/** docs/wire.md, 2.2. */
export interface ConfigurationRecord {
  readonly type: 'configuration';
  readonly machineType: string;
  /** log2 of the target's page size; undefined if it is the target's smallest. */
  readonly targetPageBits?: number;
  /** Always empty from `MainStreamDecoder`, which refuses a stream that needs a capability. */
  readonly capabilities: readonly string[];
  /** 16 bytes, owned by the consumer, which compares it. */
  readonly uuid?: Uint8Array;
}

/** docs/wire.md, 2.4: OPEN_RETURN_PATH, PING, SWITCHOVER_START or POSTCOPY_ADVISE. */
export interface CommandRecord {
  readonly type: 'command';
  readonly command: number;
  /** Owned by the consumer. */
  readonly data: Uint8Array;
}

/** The header of a RAM section; the records up to the footer are its body. */
export interface SectionRecord {
  readonly type: 'section';
  readonly kind: 'start' | 'part' | 'end' | 'full';
  readonly sectionId: number;
  readonly idstr: string;
  readonly instanceId: number;
  readonly versionId: number;
}

/** docs/wire.md, 3.1. Names are unique, lengths add up to `totalBytes`. */
export interface BlockListRecord {
  readonly type: 'block-list';
  readonly totalBytes: number;
  readonly blocks: readonly ListedBlock[];
}

/** Consecutive ZERO records of one block. */
export interface ZeroRecord {
  readonly type: 'zero';
  readonly blockName: string;
  /** The first `count` entries are byte offsets of zero pages, checked. Valid until the next step. */
  readonly offsets: Float64Array;
  readonly count: number;
}

/** A page sent over main. */
export interface PageRecord {
  readonly type: 'page';
  readonly blockName: string;
  /** Bytes, checked. */
  readonly offset: number;
  /** One page: a view of the chunk or of the decoder's buffer. Valid until the next step. */
  readonly data: Uint8Array;
}

/** MULTIFD_FLUSH: a sync in per-round mode (docs/wire.md, 3.2). */
export interface FlushRecord {
  readonly type: 'flush';
}

/** End of a RAM section's records; a sync in per-section mode. */
export interface EosRecord {
  readonly type: 'eos';
}

/** A RAM section is complete. */
export interface FooterRecord {
  readonly type: 'footer';
  readonly sectionId: number;
}

/** A section before the first round of RAM that is not RAM's (docs/wire.md, 6.1). */
export interface EarlySectionRecord {
  readonly type: 'early-section';
  /** As received, from the section's type to its footer. Owned by the consumer. */
  readonly bytes: Uint8Array;
  /** Whether it comes before the START section of RAM. */
  readonly beforeRam: boolean;
  /**
   * The device of a FULL section. The body is a view of `bytes`; its end is a guess until the description confirms
   * it. Undefined for an empty live section: dirty-bitmaps on, without a bitmap.
   */
  readonly section: DeviceSection | undefined;
}

/** The end of the stream: everything after the footer of RAM END (docs/wire.md, 7.1). */
export interface DeviceStateRecord {
  readonly type: 'device-state';
  /** As received, description included: can be replayed unchanged. Owned by the consumer. */
  readonly bytes: Uint8Array;
  /**
   * The devices, early ones first, the others as views of `bytes`; empty if the stream has no description that fits
   * it.
   */
  readonly sections: readonly DeviceSection[];
  /** The JSON description, if the stream has one. */
  readonly vmdesc: string | undefined;
}

/** One step of the main stream. */
export type MainRecord =
  | HeaderRecord
  | ConfigurationRecord
  | CommandRecord
  | SectionRecord
  | BlockListRecord
  | ZeroRecord
  | PageRecord
  | FlushRecord
  | EosRecord
  | FooterRecord
  | EarlySectionRecord
  | DeviceStateRecord;
