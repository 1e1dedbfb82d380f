import { describe, expect, it } from 'vitest';
import { inspectFile } from '../../src/inspect/inspect.js';
import { MappedRamWriter } from '../../src/mapped-ram/writer.js';
import { installedQemus } from '../support/binaries.js';
import { TestFolder } from '../support/folder.js';
import { Qemu } from '../support/qemu.js';
import { allocated } from '../support/ram-files.js';
import { receiveFrom } from '../support/receive.js';

const SIZE = 16 * 2 ** 30;

describe.runIf(installedQemus().length > 0)('16 GiB, mostly empty', () => {
  for (const release of installedQemus())
    for (const machine of release === '10.0' ? ['q35', 'pc-q35-8.2'] : ['q35'])
      it(`${release} ${machine}: neither our memory nor the file grows with it`, async () => {
        using folder = new TestFolder();
        const ram = { name: 'pc.ram', size: SIZE, path: '', anonymous: true };
        await using source = await Qemu.start({
          ...{ release, machine, folder: folder.path, name: 'source', ram: [ram] },
        });
        const writer = new MappedRamWriter(folder.open('guest.mig'));
        const before = process.memoryUsage.rss();
        let peak = before;
        const watch = setInterval(() => {
          peak = Math.max(peak, process.memoryUsage.rss());
        }, 20);
        const started = performance.now();
        const { info, result } = await receiveFrom(source, {
          folder: folder.path,
          channels: 4,
          openRam: (blocks, ahead) => writer.openRam(blocks, ahead),
          commit: ({ machineType, receivedPages, rawDeviceState }) =>
            writer.finish({ machineType, receivedPages, rawDeviceState }),
        });
        clearInterval(watch);
        const grown = peak - before;
        const seconds = ((performance.now() - started) / 1000).toFixed(1);
        const onDisk = allocated(writer.path);
        console.log(
          `${release} ${machine}: ${seconds} s, ${grown >> 20} MiB more resident at most, ${onDisk >> 10} KiB on disk`,
        );
        expect(info.status).toBe('completed');
        expect(result.statistics.total).toBeGreaterThan(SIZE);
        expect(inspectFile(writer.path).blocks[0]).toMatchObject({ length: SIZE, normalPages: 0 });
        expect(grown).toBeLessThan(256 * 2 ** 20);
        expect(onDisk).toBeLessThan(8 * 2 ** 20);
      });
});
