import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type MigrateResult, migrate, type ReceiveOptions, receive } from '@multifd/core';
import { COUNTER, checkCounter } from '../src/counter.ts';
import { Machine } from '../src/machine.ts';
import { RAM_SIZE, Vm } from '../src/vm.ts';

async function move(vm: Vm, commit: NonNullable<ReceiveOptions['commit']>): Promise<MigrateResult> {
  const incoming = await receive({ listen: 'tcp:127.0.0.1:0', commit });
  // Both to their ends: the destination fails first, and the source then runs its machine on.
  const [sent] = await Promise.allSettled([
    migrate({
      guest: vm.guest,
      to: incoming.address,
      accelerator: { module: import.meta.resolve('@multifd/accel-js'), name: 'js' },
    }),
    incoming.result,
  ]);
  if (sent.status === 'rejected') throw sent.reason;
  return sent.value;
}

/** Lets it run until it has come further. @returns the number that it has come to, with all memory right. */
async function further({ machine }: Vm, than: number): Promise<number> {
  for (;;) {
    await machine.run();
    await new Promise((resolve) => setTimeout(resolve, 100));
    await machine.stop();
    const { count, wrong } = checkCounter(machine.ram);
    assert.deepEqual(wrong, []);
    if (count > than) return count;
  }
}

test('a machine that its destination refuses at the last moment runs on, and may leave later', async () => {
  const vm = new Vm(await Machine.create(RAM_SIZE, () => {}, { multiboot: COUNTER }));
  let arrived: Vm | undefined;
  try {
    const before = await further(vm, 0);
    await vm.machine.run();
    const refuse = () => {
      throw new Error('no room');
    };
    await assert.rejects(move(vm, refuse), { guest: 'source' });
    assert.equal(vm.machine.isRunning, true);
    const after = await further(vm, before);

    await vm.machine.run();
    const accept = async (received: Parameters<typeof Vm.arrived>[0]) => {
      arrived = await Vm.arrived(received, () => {});
    };
    assert.equal((await move(vm, accept)).status, 'completed');
    assert.equal(vm.machine.isRunning, false);
    assert.ok(arrived);
    const last = checkCounter(vm.machine.ram).count;
    assert.ok(last >= after);
    assert.equal(checkCounter(arrived.machine.ram).count, last);
    await further(arrived, last);
  } finally {
    await vm.machine.close();
    await arrived?.machine.close();
  }
});

test('a machine that leaves in the middle of a line says the whole of it at its destination', async () => {
  const vm = new Vm(await Machine.create(RAM_SIZE, () => {}, { multiboot: COUNTER }));
  let arrived: Vm | undefined;
  try {
    do {
      await further(vm, checkCounter(vm.machine.ram).count);
    } while (vm.machine.unfinishedLine === '');

    const said: string[] = [];
    await move(vm, async (received) => {
      arrived = await Vm.arrived(received, (line) => said.push(line));
    });
    assert.ok(arrived);
    assert.equal(arrived.machine.unfinishedLine, vm.machine.unfinishedLine);
    await further(arrived, checkCounter(vm.machine.ram).count + 64);
    const [first = ''] = said;
    assert.ok(first.startsWith(vm.machine.unfinishedLine));
    assert.match(first, /^[0-9A-F]{8}$/);
  } finally {
    await vm.machine.close();
    await arrived?.machine.close();
  }
});
