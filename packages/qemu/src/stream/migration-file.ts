import type { MappedRamHeader } from '../mapped-ram/header.js';
import type { DeviceDescription } from './description.js';
import type { PageStates } from './page-states.js';

/** A RAM block of a migration file. */
export interface StreamBlock {
  readonly name: string;
  /** Used length in bytes. */
  readonly length: number;
  /** Guest-physical address, with `x-ignore-shared` only. */
  readonly address?: number;
  /** With mapped-ram only; not there if `x-ignore-shared` leaves its pages out. */
  readonly mapped?: MappedRamHeader;
  /** What the stream's records said of its pages; nothing for mapped-ram. */
  readonly pages: PageStates;
}

/** A device of a migration file: one FULL section. */
export interface StreamDevice {
  readonly idstr: string;
  readonly instanceId: number;
  readonly versionId: number;
  readonly sectionId: number;
  /** What its bytes are; undefined if the stream does not describe itself. */
  readonly description: DeviceDescription | undefined;
  readonly body: Uint8Array;
  /** Whether it stands before the first round of RAM. */
  readonly early?: true;
  /** Of an early one: whether it stands before the START section of RAM (QEMU 11.1), and not behind it (10.0). */
  readonly beforeRam?: true;
}

/** Neighbouring sections of one kind and name, as they stand in the file. */
export interface StreamSection {
  readonly kind: 'start' | 'part' | 'end' | 'full' | 'command';
  /** idstr, or the number of a command. */
  readonly name: string;
  /** How many there are in a row. */
  readonly count: number;
  /** Byte offset in the file of the first. */
  readonly offset: number;
  /** Bytes of all of them; with mapped-ram, START includes all pages. */
  readonly size: number;
}

/** A migration file, its RAM content aside. */
export interface MigrationFile {
  readonly version: number;
  readonly machineType: string;
  readonly targetPageBits?: number;
  readonly capabilities: readonly string[];
  /** 16 bytes. */
  readonly uuid?: Uint8Array;
  /** Bytes. */
  readonly pageSize: number;
  readonly blocks: readonly StreamBlock[];
  readonly sections: readonly StreamSection[];
  /** In stream order; empty if the stream does not describe itself. */
  readonly devices: readonly StreamDevice[];
  /** The sections before RAM START, as core's `ReceiveResult` has them. */
  readonly beforeRam: Uint8Array;
  /** Those between RAM START and the first round, as core's `ReceiveResult` has them. */
  readonly earlyState: Uint8Array;
  /** Everything behind RAM END, description included, as core's `ReceiveResult` has it. */
  readonly deviceState: Uint8Array;
  /** The description's text; undefined if there is none, or none that can be read. */
  readonly vmdesc: string | undefined;
  /** There is a description that is not JSON: `deviceState` has it as it is. */
  readonly unreadableDescription?: true;
  /** Bytes of the file behind the stream, of which nothing is in `deviceState`: QEMU does not need them either. A description that is cut is among them. */
  readonly bytesBehind: number;
}

export interface ReadOptions {
  /** Byte offset of the stream in the file, QEMU's `file:PATH,offset=N`. Default: 0, or behind libvirt's header. */
  readonly offset?: number;
  /** Bytes of a target page if the file does not say. Default 4096. */
  readonly pageSize?: number;
}
