import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { migrateJson, run, startReceive } from './cli.js';

/** What a command of `store` says; it must end with this code. */
export async function storeJson(args: readonly string[], code = 0) {
  const ended = await run(['store', ...args, '--json']);
  expect(ended.code, ended.stderr).toBe(code);
  return JSON.parse(ended.stdout);
}

/** Receives a guest into a store, and verifies it by reading it back from there. */
export async function receiveInto(place: string, guest: string, options: readonly string[] = []) {
  const receiving = await startReceive([place, '--json', ...options]);
  const sent = await migrateJson([guest, receiving.address, '--verify']);
  expect(sent).toMatchObject({ status: 'completed', verified: true });
  const { code, stdout, stderr } = await receiving.ended;
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}

export function packsOf(store: string): string[] {
  const names = readdirSync(join(store, 'packs'), { recursive: true, encoding: 'utf8' });
  return names.map((name) => join(store, 'packs', name)).filter((path) => statSync(path).isFile());
}
