/**
 * `warm.js BYTES [hold]`: maps and touches as much memory, says how many ms that took, and frees it by ending; with `hold` it
 * ends when its stdin does. A process of its own, so that all of it is given back.
 */
import { hostBlocks, mapRam, probe } from '@multifd/host-linux';

const PAGE = 4096;
/** Of one allocation, where host-linux is not there. */
const SEGMENT = 2 ** 30;

// Whoever has started it may have been killed.
process.stdout.once('error', () => process.exit());
const [bytes = '0', mode] = process.argv.slice(2);
const began = performance.now();
const held = probe().ok ? mapped(Number(bytes)) : allocated(Number(bytes));
process.stdout.write(`${Math.round(performance.now() - began)}\n`);
if (mode === 'hold') {
  process.stdin.resume();
  process.stdin.once('end', () => process.exit());
} else process.exit();

/** In huge pages, as a QEMU's memory. @returns what holds it. */
function mapped(length: number): unknown {
  const ram = mapRam({ kind: 'thp', name: 'warm', length: Math.ceil(length / PAGE) * PAGE });
  const block = hostBlocks.open(ram.descriptor);
  for (let at = 0; at < block.length; at += block.windowSize) {
    const window = block.window(at, Math.min(block.windowSize, block.length - at));
    if (window !== undefined) touch(window);
  }
  return [ram, block];
}

function allocated(length: number): unknown {
  const segments: Uint8Array[] = [];
  for (let at = 0; at < length; at += SEGMENT) {
    const segment = new Uint8Array(Math.min(SEGMENT, length - at));
    touch(segment);
    segments.push(segment);
  }
  return segments;
}

function touch(memory: Uint8Array): void {
  for (let page = 0; page < memory.length; page += PAGE) memory[page] = 1;
}

export { held };
