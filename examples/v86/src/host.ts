/**
 * One host. It boots a machine, or waits for one, and obeys a monitor: one command a line on stdin.
 *
 *   node src/host.ts boot [FOLDER]            the counter; with FOLDER the Linux that `fetch-linux.sh` has put there
 *   node src/host.ts wait tcp:192.0.2.7:4444
 *
 * Commands: `migrate ADDRESS`, `check`, `quit`.
 */
import { createInterface } from 'node:readline';
import { MultifdError, migrate, receive } from '@multifd/core';
import { COUNTER, checkCounter } from './counter.ts';
import { linuxGuest } from './linux.ts';
import { Machine } from './machine.ts';
import { MACHINE_TYPE, RAM_SIZE, Vm } from './vm.ts';

const say = (line: string): void => console.log(line);
const guestSays = (line: string): void => say(`| ${line}`);

let vm: Vm | undefined;

async function boot(folder: string | undefined): Promise<Vm> {
  const guest = folder === undefined ? { multiboot: COUNTER } : linuxGuest(folder);
  return new Vm(await Machine.create(RAM_SIZE, guestSays, guest));
}

async function wait(listen: string): Promise<Vm> {
  let arrived: Vm | undefined;
  const incoming = await receive({
    listen,
    machineType: MACHINE_TYPE,
    // The last moment to refuse: if this throws, the source runs its machine on.
    commit: async (received) => {
      arrived = await Vm.arrived(received, guestSays);
    },
  });
  say(`listening on ${incoming.address}`);
  const { guest } = await incoming.result;
  if (arrived === undefined || guest !== 'destination') throw new Error(`the machine is at its ${guest}`);
  return arrived;
}

async function leave(leaving: Vm, to: string): Promise<void> {
  try {
    const { statistics } = await migrate({
      guest: leaving.guest,
      to,
      accelerator: { module: import.meta.resolve('@multifd/accel-js'), name: 'js' },
    });
    vm = undefined;
    await leaving.machine.close();
    const { dirtySyncCount, normal, zeroPages, downtime } = statistics;
    say(
      `the machine has left: ${dirtySyncCount} rounds, ${normal} normal and ${zeroPages} zero pages, stopped for ${Math.round(downtime ?? 0)} ms`,
    );
  } catch (error) {
    const place = MultifdError.is(error) ? (error.guest ?? 'source') : 'source';
    say(`not migrated, the machine is at its ${place}: ${error instanceof Error ? error.message : error}`);
  }
}

/** Stops the counter for a moment, and compares all of its memory. */
async function check({ machine }: Vm): Promise<void> {
  await machine.stop();
  const { count, wrong } = checkCounter(machine.ram);
  say(wrong.length === 0 ? `memory is right: ${count}` : `WRONG at ${count}: pages ${wrong.slice(0, 8)}`);
  await machine.run();
}

const [mode, where] = process.argv.slice(2);
vm = mode === 'wait' && where !== undefined ? await wait(where) : await boot(where);
await vm.machine.run();
say(mode === 'wait' ? 'a machine has arrived and runs' : 'booting');
for await (const line of createInterface({ input: process.stdin })) {
  const [command, to = ''] = line.split(' ');
  if (command === 'quit') break;
  if (vm === undefined) say('there is no machine here');
  else if (command === 'migrate') void leave(vm, to);
  else if (command === 'check') await check(vm);
  else say(`no such command: ${line}`);
}
process.exit();
