import { expect, it } from 'vitest';
import { migrateJson } from '../helpers/cli.js';

const TABLES = 128 * 1024;
const MIB = 2 ** 20;

/** The one migration of `pnpm test:fast` that two processes make. */
it('moves a demo guest, compares both sides, and prints one document', async () => {
  const document = await migrateJson(['demo:64M']);
  expect(document).toMatchObject({
    'schema-version': 1,
    command: 'migrate',
    status: 'completed',
    source: 'demo:64M',
    destination: 'loopback',
    channels: 2,
    'zero-page-detection': 'multifd',
    'multifd-compression': 'none',
    accelerator: { requested: 'auto', name: expect.any(String), detail: expect.any(String) },
    verified: true,
    verification: { algorithm: 'sha256', blocks: 2, bytes: 64 * MIB + TABLES },
    guest: { state: 'at rest' },
  });
  const { ram } = document;
  expect(ram).toMatchObject({ total: 64 * MIB + TABLES, remaining: 0, 'page-size': 4096 });
  expect(ram.normal + ram['zero-pages']).toBe(ram.total / 4096);
  expect(ram.duplicate).toBe(ram['zero-pages']);
  expect(ram['normal-bytes']).toBe(ram.normal * 4096);
  expect(ram['multifd-bytes']).toBeGreaterThan(ram['normal-bytes']);
  expect(ram['channel-bytes']).toHaveLength(2);
  for (const both of [document['cpu-time'], document['peak-rss']]) {
    expect(both.source).toBeGreaterThan(0);
    expect(both.destination).toBeGreaterThan(0);
  }
});
