import { checkLimits, type GuestRamDescriptor, MultifdError } from '@multifd/core';
import type { ExitCode } from '../../exit-codes.js';
import { chooseHost } from '../../host/choose-host.js';
import { openAtRest } from '../../images/at-rest.js';
import { copyRam, markContent } from '../../images/copy-ram.js';
import { droppedNote, hasDeviceState } from '../../images/device-state.js';
import { ingestThreads } from '../../images/ingest-threads.js';
import { openTarget } from '../../images/open-target.js';
import { makeDirectory } from '../../images/store-directory.js';
import { storeObjects } from '../../images/store-objects.js';
import { openStoreSource, type SnapshotInUse } from '../../images/store-source.js';
import { unusablePacks } from '../../images/unusable-packs.js';
import { parseTarget, type Target } from '../../options/places.js';
import { parseSource } from '../../options/sources.js';
import { parseStorePlace } from '../../options/store-place.js';
import { formatBytes, plain } from '../../report/format.js';
import type { Terminal } from '../../report/terminal.js';
import { runStore, type StoreOptions } from './run.js';

export interface TransferOptions extends StoreOptions {
  readonly force?: true;
}

/** `multifd store export`: a snapshot as a file for QEMU, or as images. */
export async function exportCommand(
  snapshot: string,
  target: string,
  options: TransferOptions,
): Promise<ExitCode> {
  return runStore('export', options, async (signal, terminal) => {
    const place = parseStorePlace(snapshot, 'snapshot');
    const to = parseTarget(target);
    if (to.kind !== 'file' && to.kind !== 'raw') {
      throw new MultifdError(
        'usage',
        `target ${JSON.stringify(target)}: a snapshot is exported to a file or to images`,
        {
          hint: 'write file:FILE or raw:DIR',
        },
      );
    }
    const used = await openStoreSource(place, 'an export of', signal);
    try {
      if (used.reading.note !== undefined) terminal.note(used.reading.note);
      const force = options.force === true;
      const { paths, state } = await writeOut(used, to, force, signal, terminal);
      const text = paths.map((path) => `wrote ${plain(path)}\n`).join('');
      return { members: { snapshot, target, images: paths, 'device-state': state }, text };
    } finally {
      await used.close();
    }
  });
}

async function writeOut(
  { stored, reading }: SnapshotInUse,
  to: Target,
  force: boolean,
  signal: AbortSignal,
  terminal: Terminal,
) {
  const images = await openTarget(to, { replace: force, uuid: stored.uuid });
  if (images === undefined) throw new MultifdError('internal', 'no target was opened');
  const abandon = () => images.abandon();
  process.once('exit', abandon);
  try {
    const { machineType, configuration, described } = stored;
    const { early, beforeRam } = stored.rawDeviceState;
    const ahead = early.length + (beforeRam?.length ?? 0);
    const { blocks } = await images.openRam(stored.ram.blocks, ahead, machineType);
    const ram: GuestRamDescriptor = { pageSize: stored.ram.pageSize, blocks };
    const receivedPages = await copyRam(stored.ram, ram, signal, (share) =>
      terminal.progress(`exporting: ${Math.round(share * 100)} %`),
    );
    await reading.check();
    // Whether there is a description is all that a target asks.
    const rawDeviceState = { ...stored.rawDeviceState, vmdesc: described ? '' : undefined };
    const guest = 'source' as const;
    const { paths } = await images.keep({
      guest,
      machineType,
      configuration,
      ram,
      receivedPages,
      rawDeviceState,
    });
    for (const line of await images.settle()) terminal.note(line);
    const isDropped = to.kind === 'raw' && hasDeviceState(rawDeviceState);
    if (isDropped) terminal.note(droppedNote(to.directory));
    return { paths, state: isDropped ? ('dropped' as const) : ('kept' as const) };
  } finally {
    process.off('exit', abandon);
    for (const line of await images.discard()) terminal.note(line);
  }
}

/** `multifd store import`: a guest that lies in a file, or in images, as a snapshot. */
export async function importCommand(
  source: string,
  snapshot: string,
  options: TransferOptions,
): Promise<ExitCode> {
  return runStore('import', options, async (signal, terminal) => {
    const from = parseSource(/^(file|raw):/.test(source) ? source : `file:${source}`);
    const place = parseStorePlace(snapshot, 'snapshot');
    const threads = ingestThreads();
    checkLimits({ threads, least: threads });
    const rest = await openAtRest(from, signal);
    if (rest === undefined) throw new MultifdError('internal', 'no source was opened');
    const identity = rest.identity ?? { machineType: 'none' };
    const { guest, close } = await rest.prepare(identity, chooseHost('auto'), (line) => terminal.note(line));
    const { SnapshotWriter, Store } = await import('@multifd/store');
    const objects = await storeObjects(place.directory);
    if (objects.place.kind === 'disk') makeDirectory(objects.what, place.directory);
    const store = await Store.openOrMake(objects);
    const writer = await SnapshotWriter.begin(store, place.name, {
      blocks: guest.ram.blocks,
      replace: options.force === true,
      threads,
      signal,
      onProgress: (done, total) => terminal.progress(`importing: ${Math.round((100 * done) / total)} %`),
    });
    try {
      const receivedPages = await markContent(guest.ram);
      const { head } = await writer.write({
        machineType: guest.machineType ?? 'none',
        configuration: guest.configuration ?? {},
        ram: guest.ram,
        receivedPages,
        rawDeviceState: rest.rawDeviceState,
        ...(identity.uuid === undefined ? {} : { uuid: identity.uuid }),
      });
      try {
        await guest.intact?.();
      } catch (error) {
        await writer.withdraw();
        throw error;
      }
      for (const line of await unusablePacks(writer)) terminal.note(line);
      const text = `imported ${place.name}: ${formatBytes(head.content)} of content, ${formatBytes(head.added)} of it new, stored as ${formatBytes(head.stored)}\n`;
      const { content, added, stored } = head;
      return { members: { source, snapshot, content, added, stored }, text };
    } finally {
      await writer.close();
      await close();
    }
  });
}
