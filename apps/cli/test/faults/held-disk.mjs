/** For `node --import`, in a destination: its disk keeps nothing as long as the file MULTIFD_HELD_DISK is there. */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const LOOK = 20;
const held = process.env.MULTIFD_HELD_DISK ?? '';
const { fsync } = fs;

fs.fsync = (fd, done) => {
  if (fs.existsSync(held)) setTimeout(() => fs.fsync(fd, done), LOOK);
  else fsync(fd, done);
};
syncBuiltinESMExports();
