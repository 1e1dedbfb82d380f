import { readSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type FileBlockDescriptor, MultifdError } from '@multifd/core';
import { type FileKind, kindOf, LONGEST_MAGIC } from '@multifd/qemu';
import { type Identity, restingGuest } from '../guest/demo-guest.js';
import type { PreparedGuest } from '../guest/prepared-guest.js';
import type { HostChoice } from '../host/choose-host.js';
import { mapImages } from '../host/mapped-images.js';
import { parseUuid } from '../options/identity.js';
import { withPath } from '../system-error.js';

import { listExtents } from './extents.js';
import { blockOfImage } from './file-name.js';
import { checkImages, imageNames, readManifest } from './image-directory.js';
import type { Manifest } from './manifest.js';
import { PAGE_SIZE } from './page-size.js';
import { SourceFile } from './source-file.js';

/** Images, open until their guest is closed. */
export interface RawImages {
  readonly blocks: readonly FileBlockDescriptor[];
  readonly files: readonly SourceFile[];
}

/**
 * What makes the images of a directory one guest; undefined for an image by itself, and where nobody has noted it.
 * @throws MultifdError `usage` for a path that cannot be right, or if the images are not that guest.
 */
export function describeRawSource(path: string): Manifest | undefined {
  if (!statOf(path).isDirectory()) return undefined;
  const what = `raw:${path}`;
  const manifest = readManifest(what, path);
  if (manifest !== undefined) checkImages(what, path, manifest);
  return manifest;
}

/** What the destination is told of the guest, as far as it was noted. */
export function identityOf({ machineType, uuid }: Manifest): Identity {
  return { machineType, ...(uuid === null ? {} : { uuid: parseUuid(uuid) }) };
}

/**
 * Opens RAM images as a guest's memory: one file as the block `pc.ram`, or a directory that a `raw:` target wrote,
 * with a block for each image. Nothing is read.
 *
 * @param note gets a line when an image's holes cannot be told from data.
 * @param manifest what `describeRawSource` has said.
 * @throws MultifdError `usage` for a path or a size that cannot be right, or a path that may not be read; `io`, also if
 * another guest has come into the directory since it was described.
 */
export async function openRawSource(
  path: string,
  note: (line: string) => void,
  manifest: Manifest | undefined = describeRawSource(path),
): Promise<RawImages> {
  const isDirectory = statOf(path).isDirectory();
  const images = isDirectory ? imagesIn(path) : [{ name: 'pc.ram', path }];
  const blocks: FileBlockDescriptor[] = [];
  const files: SourceFile[] = [];
  try {
    for (const image of images) {
      const { file, length } = openImage(image.path);
      files.push(file);
      noteKind(file, note);
      const warning = file.warning();
      if (warning !== undefined) note(warning);
      const { extents, reason } = await listExtents(file.fd, length, PAGE_SIZE);
      if (reason !== undefined)
        note(`${image.path}: holes cannot be found (${reason}), so all of it is read`);
      blocks.push({
        kind: 'file',
        ...image,
        fd: file.fd,
        length,
        writable: false,
        ...(extents === undefined ? {} : { extents }),
      });
    }
    if (isDirectory) checkSame(path, manifest);
  } catch (error) {
    closeAll(files);
    throw error;
  }
  return { blocks, files };
}

/** @throws MultifdError `io` if another guest has begun to take the place of this one while its images were opened. */
function checkSame(directory: string, before: Manifest | undefined): void {
  const what = `raw:${directory}`;
  if (isDeepStrictEqual(before, readManifest(what, directory))) return;
  throw new MultifdError('io', `${what}: another guest came into the directory while it was opened`, {
    hint: 'see which multifd receives into it, and begin again',
  });
}

function closeAll(files: readonly SourceFile[]): void {
  for (const file of files) file.close();
}

/** RAM may begin with any bytes; but if these are a file's of another kind, the guest would be made of that file. */
function noteKind(file: SourceFile, note: (line: string) => void): void {
  const kind = kindOfFile(file);
  if (kind === undefined) return;
  const { path } = file;
  const instead = isMigrationFile(kind) ? `, and meant as file:${path}` : '';
  note(`${path} begins like ${kind.what} and is sent as RAM all the same; is it one${instead}?`);
}

function kindOfFile({ path, fd }: SourceFile): FileKind | undefined {
  const first = new Uint8Array(LONGEST_MAGIC);
  const length = withPath(`raw:${path}: cannot be read`, () => readSync(fd, first, 0, first.length, 0));
  return kindOf(first.subarray(0, length));
}

/** Whether `file:` takes it. */
function isMigrationFile({ name }: FileKind): boolean {
  return name === 'stream' || name === 'libvirt';
}

/** A guest whose memory is these images. @throws MultifdError `io` if they cannot be mapped. */
export function rawGuest(images: RawImages, identity: Identity, host: HostChoice): PreparedGuest {
  const { blocks, close } = mapImages(images.blocks, host);
  const guest = restingGuest({
    ...identity,
    ram: { pageSize: PAGE_SIZE, blocks },
    intact() {
      for (const file of images.files) file.check();
    },
  });
  return {
    ...guest,
    async close() {
      close();
      closeAll(images.files);
    },
  };
}

function imagesIn(directory: string): { name: string; path: string }[] {
  const images = imageNames(`raw:${directory}`, directory).flatMap((file) => {
    const name = blockOfImage(file);
    return name === undefined ? [] : [{ name, path: join(directory, file) }];
  });
  if (images.length > 0) return images;
  throw new MultifdError('usage', `raw:${directory}: no .raw image in this directory`, {
    hint: 'name one image, or a directory that `multifd receive LISTEN raw:DIR` wrote',
  });
}

function openImage(path: string): { readonly file: SourceFile; readonly length: number } {
  if (!statOf(path).isFile())
    throw new MultifdError('usage', `${path}: not a regular file`, { hint: 'name a RAM image' });
  const file = new SourceFile(path);
  const { size } = file;
  if (size > 0 && size % PAGE_SIZE === 0) return { file, length: size };
  try {
    throw oddSize(file, size);
  } finally {
    file.close();
  }
}

/** Most likely it is no RAM image at all. Nobody is told a command that writes to what may be the only copy. */
function oddSize(file: SourceFile, size: number): MultifdError {
  const { path } = file;
  const whole = Math.max(PAGE_SIZE, Math.ceil(size / PAGE_SIZE) * PAGE_SIZE);
  const kind = kindOfFile(file);
  const like = kind === undefined ? '' : `, and it begins like ${kind.what}`;
  return new MultifdError(
    'usage',
    `${path}: ${size} bytes are not a whole number of ${PAGE_SIZE}-byte pages${like}`,
    {
      hint:
        kind === undefined
          ? `a RAM image whose tail was cut off must be filled up with zeros to ${whole} bytes: do that to a copy`
          : `a RAM image has whole pages only; ${isMigrationFile(kind) ? `send it as file:${path}` : 'name a RAM image'}`,
    },
  );
}

function statOf(path: string): Stats {
  const stats = withPath(`raw:${path}: cannot be reached`, () => statSync(path, { throwIfNoEntry: false }));
  if (stats === undefined)
    throw new MultifdError('usage', `raw:${path}: no such file`, { hint: 'check the path' });
  return stats;
}
