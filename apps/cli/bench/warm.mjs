/**
 * Makes sure that this machine has memory to give. On a virtual machine the hypervisor takes back what has been free for
 * about two seconds, and to get it again costs several times what Linux itself needs for a page. Whoever is measured
 * first would pay that, and whoever comes next would not. So `warm` maps, touches and frees as much memory right before
 * each contender, in a process of its own:
 *
 *   node bench/warm.mjs BYTES
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { hostBlocks, mapRam } from '@multifd/host-linux';
import { PAGE } from './figures.mjs';

const SELF = fileURLToPath(import.meta.url);

/** @param bytes as many as the contender will touch. @returns ms that touching took. */
export async function warm(bytes) {
  const { said, ended } = start(bytes);
  await ended;
  return Number(await said);
}

/**
 * The same for a contender that makes its guest first: keeps the memory until `release`, which is to be called when the
 * destination is about to need it.
 */
export async function hold(bytes) {
  const { child, said, ended } = start(bytes, 'hold');
  await said;
  return {
    async release() {
      child.stdin.end();
      await ended;
    },
  };
}

function start(bytes, ...args) {
  const child = spawn(process.execPath, [SELF, `${bytes}`, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const said = new Promise((resolve) => child.stdout.setEncoding('utf8').once('data', resolve));
  const ended = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`warm.mjs ${bytes} ended with ${code}`)),
    );
  });
  ended.catch(() => {});
  return { child, said: Promise.race([said, ended]), ended };
}

/** Bytes that were touched; they are freed when this process ends. */
function touch(bytes) {
  const ram = mapRam({ kind: 'thp', name: 'warm', length: bytes });
  const block = hostBlocks.open(ram.descriptor);
  const began = performance.now();
  for (let at = 0; at < bytes; at += block.windowSize) {
    const window = block.window(at, Math.min(block.windowSize, bytes - at));
    for (let page = 0; page < window.length; page += PAGE) window[page] = 1;
  }
  console.log(Math.round(performance.now() - began));
}

if (process.argv[1] === SELF) {
  touch(Math.ceil(Number(process.argv[2]) / PAGE) * PAGE);
  // Until the parent closes the pipe.
  if (process.argv[3] === 'hold') process.stdin.resume();
}
