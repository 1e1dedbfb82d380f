import { type MigrationParameters, MultifdError, type ReceiveResult, receive } from '@multifd/core';
import { describe, expect, it } from 'vitest';
import type { QemuCapability } from '../../src/qmp/capabilities.js';
import {
  migrate,
  type QemuMigrationParameters,
  queryStatus,
  setCapabilities,
  setParameters,
  waitForMigration,
} from '../../src/qmp/commands.js';
import { installedQemus, type QemuRelease } from '../support/binaries.js';
import { CONTROL } from '../support/boot-code.js';
import { TestFolder } from '../support/folder.js';
import { Qemu, type RamFile } from '../support/qemu.js';
import { createRam, readControl } from '../support/ram-files.js';
import { until } from '../support/until.js';

const MIB = 2 ** 20;

interface Refusal {
  readonly title: string;
  readonly extra?: readonly string[];
  readonly capabilities?: Partial<Record<QemuCapability, boolean>>;
  readonly qemu?: QemuMigrationParameters;
  readonly ours?: Partial<MigrationParameters>;
  readonly openRam?: () => never;
  readonly commit?: (result: ReceiveResult) => void;
  /** `turned-away`: the connections are refused, and the wait goes on. */
  readonly code: string;
  readonly message: RegExp;
  /** Only these; default both. */
  readonly releases?: readonly QemuRelease[];
}

const REFUSALS: readonly Refusal[] = [
  {
    title: 'x-ignore-shared',
    // All RAM is in a shared file, so the stream is short: without an answer to wait for, QEMU has sent it all.
    capabilities: { 'x-ignore-shared': true, 'return-path': true },
    code: 'turned-away',
    message: /x-ignore-shared/,
  },
  {
    title: 'another uuid',
    extra: ['-uuid', '12345678-1234-1234-1234-123456789abc'],
    code: 'turned-away',
    message: /uuid/,
  },
  {
    title: 'more channels than we have',
    qemu: { 'multifd-channels': 4 },
    ours: { multifdChannels: 2 },
    code: 'turned-away',
    message: /the source has 4 channels, expected 2/,
  },
  {
    title: 'fewer channels than we have',
    qemu: { 'multifd-channels': 2 },
    // Told long before this is over.
    ours: { multifdChannels: 3, setupTimeout: 600_000 },
    code: 'turned-away',
    message: /the source has 2 channels, expected 3/,
  },
  {
    title: 'multifd off on the source',
    capabilities: { multifd: false },
    ours: { setupTimeout: 600_000 },
    code: 'turned-away',
    message: /main stream: the source sends its pages there and has no channel/,
  },
  {
    title: 'another compression',
    qemu: { 'multifd-compression': 'zlib' },
    code: 'incompatible',
    message: /compression/,
  },
  {
    title: 'no place for its RAM',
    openRam: () => {
      throw new MultifdError('io', 'the disk is full');
    },
    code: 'io',
    message: /the disk is full/,
  },
  {
    title: 'RAM that cannot be kept',
    capabilities: { 'return-path': true },
    commit: () => {
      throw new MultifdError('io', 'the rename failed');
    },
    code: 'io',
    message: /the rename failed/,
  },
];

const here = installedQemus();

describe.runIf(here.length > 0)('what we refuse, and the guest runs on at its source', () => {
  for (const release of here)
    for (const each of REFUSALS.filter(({ releases = here }) => releases.includes(release)))
      it(`${release}: ${each.title}`, () => refuse(release, each));
});

async function refuse(release: QemuRelease, refusal: Refusal): Promise<void> {
  using folder = new TestFolder();
  const ram: RamFile = { name: 'pc.ram', size: 128 * MIB, path: folder.file('source') };
  createRam(ram, 5, { dirtyBase: 16 * MIB, dirtyPages: 64 });
  await using source = await Qemu.start({
    release,
    machine: 'q35',
    folder: folder.path,
    name: 'source',
    ram: [ram],
    running: true,
    extra: refusal.extra ?? [],
  });
  const { openRam, commit, ours } = refusal;
  const turnedAway = Promise.withResolvers<{ readonly code: string; toString(): string }>();
  const incoming = await receive({
    listen: 'tcp:127.0.0.1:0',
    parameters: { multifdChannels: 2, stallTimeout: 10_000, ...ours },
    onEvent: (event) => {
      if (event.type !== 'refused' || !refusal.message.test(event.reason)) return;
      turnedAway.resolve({ code: 'turned-away', toString: () => event.reason });
    },
    ...(openRam === undefined ? {} : { openRam }),
    ...(commit === undefined ? {} : { commit }),
  });
  await setCapabilities(source.qmp, { multifd: true, ...refusal.capabilities });
  await setParameters(source.qmp, { 'multifd-channels': 2, 'max-bandwidth': 0, ...refusal.qemu });
  await migrate(source.qmp, incoming.address);
  const error = await Promise.race([
    turnedAway.promise,
    incoming.result.then(
      () => undefined,
      (reason: unknown) => reason,
    ),
  ]);
  expect.soft(error).toMatchObject({ code: refusal.code });
  expect.soft(String(error)).toMatch(refusal.message);
  const info = await waitForMigration(source.qmp, ['failed', 'completed'], 10_000);
  expect(info.status).toBe('failed');
  expect((await queryStatus(source.qmp)).status).toBe('running');
  incoming.close();
  const rounds = readControl(ram.path, CONTROL.rounds);
  await until('the guest runs on', () => readControl(ram.path, CONTROL.rounds) !== rounds);
}
