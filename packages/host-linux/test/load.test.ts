import { spawnSync } from 'node:child_process';
import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { platformTriple } from '@multifd/core/host';
import { afterAll, expect, test } from 'vitest';
import { probe } from '../src/index.js';
import { load } from '../src/load.js';
import { probeOf } from '../src/probe.js';
import { built } from './support/addon.js';

/** Beside this package's own dependencies, but without its addon. */
const BARE = fileURLToPath(new URL('../node_modules/.without-addon/', import.meta.url));
afterAll(() => rmSync(BARE, { recursive: true, force: true }));

test.skipIf(!built)('it can be used here', () => {
  expect(probe()).toEqual({ ok: true });
});

test('an engine that takes no memory of others is told at once, and what to do', () => {
  expect(probeOf({ binding: { takesMemory: () => false } })).toEqual({
    ok: false,
    reason: `Node ${process.versions.node} lacks node_api_create_external_sharedarraybuffer`,
    fix: expect.stringContaining('later version'),
  });
});

test('other systems are told why not, and what to do', () => {
  expect(load('darwin')).toMatchObject({
    reason: 'it is for Linux, this is darwin',
    fix: expect.stringContaining('Node'),
  });
});

test('without the addon it can be imported, and everything says how to get it', () => {
  cpSync(new URL('../dist', import.meta.url), `${BARE}dist`, { recursive: true });
  // As npm installs what a release has published.
  const platform = `@multifd/host-linux-${platformTriple()}`;
  const manifest = { version: '1.2.3', optionalDependencies: { [platform]: '1.2.3' } };
  writeFileSync(`${BARE}package.json`, JSON.stringify({ type: 'module', ...manifest }));
  const script = `
    import * as host from ${JSON.stringify(`${BARE}dist/index.js`)};
    const attempt = (act) => { try { act(); return 'done'; } catch (error) { return [error.code, error.hint]; } };
    const descriptor = { kind: 'host', name: 'a', length: 4096, module: '', handle: { mapping: 1 } };
    console.log(JSON.stringify([
      host.probe(),
      attempt(() => host.mapRam({ kind: 'anon', name: 'a', length: 4096 })),
      attempt(() => host.hostBlocks.open(descriptor)),
      attempt(() => host.socketIo.createInterrupt()),
      attempt(() => host.socketIo.open(1, 1)),
      attempt(() => host.chooseTracker({ blocks: [descriptor], pageSize: 4096, kind: 'uffd' })),
    ]));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  const [probed, ...attempts]: unknown[] = JSON.parse(stdout);
  expect(probed).toMatchObject({ ok: false, reason: expect.stringContaining('addon is not there') });
  const fix = expect.stringContaining(`run \`npm install ${platform}@1.2.3\``);
  expect(probed).toMatchObject({ fix });
  expect(attempts).toEqual(Array.from({ length: 5 }, () => ['io', fix]));
});
