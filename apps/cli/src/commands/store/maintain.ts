import { MultifdError } from '@multifd/core';
import type { Store } from '@multifd/store';
import type { ExitCode } from '../../exit-codes.js';
import { leftIn } from '../../images/left-over.js';
import { bucketOf, parseStoreDirectory, parseStorePlace } from '../../options/store-place.js';
import { formatBytes, plain } from '../../report/format.js';
import { openStore } from './look.js';
import { runStore, type StoreOptions } from './run.js';

/** `multifd store verify`: reads all of a store back. */
export async function verifyCommand(dir: string, options: StoreOptions): Promise<ExitCode> {
  return runStore('verify', options, async (signal, terminal) => {
    const directory = parseStoreDirectory(dir);
    const { startReading, verifyStore } = await import('@multifd/store');
    const store = await openStore(directory);
    const reading = await startReading(store.objects, 'a verify', signal);
    try {
      if (reading.note !== undefined) terminal.note(reading.note);
      const onProgress = (done: number, total: number) =>
        terminal.progress(`verifying: ${done} of ${total} packs`);
      const { faults, broken, ...counts } = await verifyStore(store, { signal, onProgress });
      const { snapshots, packs, chunks, bytes } = counts;
      const read = `${snapshots} snapshots, ${packs} packs, ${chunks} chunks: ${formatBytes(bytes)} read`;
      const lines = [...faults, ...broken.map((name) => `snapshot ${name} cannot be restored`), read];
      const text = lines.map(plain).join('\n');
      const members = { store: directory, ...counts, faults, broken };
      if (faults.length === 0) return { members, text: `${text}, and all is as it was written\n` };
      return { members, text: `${text}\n`, error: notWhole(store.what, faults.length, broken) };
    } finally {
      await reading.release();
    }
  });
}

/** `multifd store rm`: takes snapshots their names. */
export async function removeCommand(snapshots: readonly string[], options: StoreOptions): Promise<ExitCode> {
  return runStore('rm', options, async () => {
    const places = snapshots.map((text) => parseStorePlace(text, 'snapshot'));
    const found: { readonly store: Store; readonly name: string }[] = [];
    for (const { directory, name } of places) {
      const store = await openStore(directory);
      // Before anything goes: with one name that is wrong, nothing is. A damaged one can go.
      if (!(await store.has(name))) await store.snapshot(name);
      found.push({ store, name });
    }
    const removed: string[] = [];
    for (const { store, name } of found) {
      await store.remove(name);
      removed.push(store.whatOf(name));
    }
    const text = removed.map((what) => `removed ${what}\n`).join('');
    return { members: { removed }, text };
  });
}

/** `multifd store gc`: frees what no snapshot needs. */
export async function collectCommand(dir: string, options: StoreOptions): Promise<ExitCode> {
  return runStore('gc', options, async (signal, terminal) => {
    const directory = parseStoreDirectory(dir);
    // Before it can fail: they may be what fills the disk. They are no part of the store, and may be all that is left of a guest.
    if (bucketOf(directory) === undefined) for (const line of leftIn(directory)) terminal.note(line);
    const { collectGarbage } = await import('@multifd/store');
    const { packs, bytes, packsLeft, bytesLeft, unfinished } = await collectGarbage(
      await openStore(directory),
      signal,
    );
    const text = `removed ${packs} packs (${formatBytes(bytes)}) and ${unfinished} unfinished files; ${packsLeft} packs (${formatBytes(bytesLeft)}) are left\n`;
    const members = {
      store: directory,
      packs,
      bytes,
      unfinished,
      'packs-left': packsLeft,
      'bytes-left': bytesLeft,
    };
    return { members, text };
  });
}

function notWhole(what: string, faults: number, broken: readonly string[]): MultifdError {
  const fate =
    broken.length === 0
      ? 'each snapshot can be restored, but a new one may come to need what is damaged: restore that from a copy, or let `multifd store gc` remove a pack that no snapshot needs'
      : `restore the store from a copy, or remove ${broken.join(', ')}`;
  return new MultifdError('io', `${what}: ${faults} ${faults === 1 ? 'thing is' : 'things are'} damaged`, {
    hint: fate,
  });
}
