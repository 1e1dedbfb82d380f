/**
 * Runs on any Node that core takes: moves a guest within this process, without a host package, and compares a page.
 *
 *   node scripts/nodes/move.mjs CORE ACCELERATOR     paths of both packages' entries
 */
import { pathToFileURL } from 'node:url';

const [core, module] = process.argv.slice(2).map((path) => pathToFileURL(path).href);
const { allocateGuestRam, DirtyBitmap, migrate, openRamBlock, receive } = await import(core);

const ram = allocateGuestRam([{ name: 'vm.ram', length: 2 ** 23 }]);
(await openRamBlock(ram.blocks[0])).write(4096, new TextEncoder().encode('hello'));
new DirtyBitmap(ram.dirty[0], 2 ** 11).mark(1);
const incoming = await receive({ listen: 'tcp:127.0.0.1:0' });
const [{ status }, arrived] = await Promise.all([
  migrate({ guest: { ram }, to: incoming.address, accelerator: { module, name: 'js' } }),
  incoming.result,
]);
const bytes = (await openRamBlock(arrived.ram.blocks[0])).read(4096, 5, new Uint8Array(5));
console.log(status, new TextDecoder().decode(bytes));
