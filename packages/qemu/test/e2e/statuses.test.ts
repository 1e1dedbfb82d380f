import { describe, expect, it } from 'vitest';
import { isObject } from '../../src/json.js';
import { MIGRATION_STATUSES } from '../../src/qmp/migration-info.js';
import { installedQemus } from '../support/binaries.js';
import { TestFolder } from '../support/folder.js';
import { Qemu } from '../support/qemu.js';

describe.runIf(installedQemus().length > 0)("QEMU's own list of MigrationStatus", () => {
  for (const release of installedQemus())
    it(`${release}: knows no status that we do not know`, async () => {
      using folder = new TestFolder();
      await using qemu = await Qemu.start({
        ...{ release, machine: 'pc', folder: folder.path, name: 'statuses', ram: [] },
      });
      const schema = await qemu.qmp.execute('query-qmp-schema');
      const statuses = Array.isArray(schema) ? schema.flatMap(values).filter(isStatusList) : [];
      expect(statuses).toHaveLength(1);
      expect(MIGRATION_STATUSES).toEqual(expect.arrayContaining(statuses.flat()));
    });
});

function values(type: unknown): unknown[][] {
  return isObject(type) && Array.isArray(type.values) ? [type.values] : [];
}

/** The schema names enumerations by numbers: one is known by what is in it. */
function isStatusList(list: readonly unknown[]): boolean {
  return list.includes('cancelling') && list.includes('postcopy-paused');
}
