/** For `node --import`, in a destination: its disk keeps nothing as long as the file MULTIFD_HELD_DISK is there. */
import fs from 'node:fs';
import { open } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';

const LOOK = 20;
const held = process.env.MULTIFD_HELD_DISK ?? '';
const { fsync } = fs;

fs.fsync = (fd, done) => {
  if (fs.existsSync(held)) setTimeout(() => fs.fsync(fd, done), LOOK);
  else fsync(fd, done);
};
syncBuiltinESMExports();

/** What a store has written it syncs by a handle. */
const handle = await open(process.execPath);
const FileHandle = Object.getPrototypeOf(handle);
await handle.close();
const { sync } = FileHandle;
FileHandle.sync = async function () {
  while (fs.existsSync(held)) await sleep(LOOK);
  return sync.call(this);
};
