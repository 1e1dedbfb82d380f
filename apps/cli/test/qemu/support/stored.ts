import { expect } from 'vitest';
import { installedQemus, type QemuRelease } from '../../../../../packages/qemu/test/support/binaries.js';
import type { TestFolder } from '../../../../../packages/qemu/test/support/folder.js';
import { waitForMigration } from '../../../../../packages/qemu/test/support/monitor.js';
import { startReceive } from '../../helpers/cli.js';
import { allocated } from '../../helpers/images.js';
import { ENDED, type Guest, migrateTo, startSource } from './guests.js';

const here = installedQemus();

/** A guest's way from one QEMU into a file and on. */
export interface Case {
  readonly from: QemuRelease;
  readonly to: QemuRelease;
  readonly machine: string;
  readonly channels: number;
  /** The source QEMU's. */
  readonly detection?: 'none' | 'legacy' | 'multifd';
}

/** Whether both of its QEMUs are here. */
export const both = (each: Case): boolean => here.includes(each.from) && here.includes(each.to);

/** A QEMU's guest is now in `guest.mig`; the QEMU has ended. */
export async function store(folder: TestFolder, each: Case): Promise<{ source: Guest; file: string }> {
  const { from, machine, channels, detection } = each;
  const source = await startSource({ release: from, machine, folder: folder.path });
  await using _ = source.qemu;
  const file = folder.file('guest.mig');
  const receiving = await startReceive([`file:${file}`, '--channels', `${channels}`, '--json']);
  await migrateTo(source, receiving.address, {
    'multifd-channels': channels,
    ...(detection === undefined ? {} : { 'zero-page-detection': detection }),
  });
  const { code, stdout, stderr } = await receiving.ended;
  expect(code, `${stderr}${source.qemu.log()}`).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ status: 'completed', images: [file] });
  expect(await waitForMigration(source.qemu.qmp, ENDED, 30_000)).toMatchObject({ status: 'completed' });
  // Zero pages take no space (from a source that looks for them), and each block begins at a multiple of 1 MiB.
  if (detection !== 'none') expect(allocated(file)).toBeLessThan(allocated(source.ram.path) + 2 * 2 ** 20);
  return { source, file };
}
