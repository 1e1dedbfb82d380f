/**
 * One host. It runs a machine, or waits for one, and obeys a monitor: one command a line on stdin.
 *
 *   node src/host.ts boot
 *   node src/host.ts wait tcp:192.0.2.7:4444
 *
 * Commands: `migrate ADDRESS [MIB_PER_SECOND]`, `cancel`, `check`, `quit`.
 */
import { createInterface } from 'node:readline';
import { MultifdError, receive } from '@multifd/core';
import { send } from './send.ts';
import { Vm } from './vm.ts';

const MIB = 2 ** 20;
const say = (line: string): void => console.log(line);

let vm: Vm | undefined;
let cancelling = new AbortController();

/** Waits until a machine has arrived, and runs it. A source that fails keeps its machine, and the next one may come. */
async function wait(listen: string): Promise<void> {
  for (let address = listen; vm === undefined; ) {
    let arriving: Vm | undefined;
    const incoming = await receive({
      listen: address,
      machineType: 'live-vm-1',
      // The last moment to refuse: if this throws, the source runs its machine on.
      commit: (received) => {
        arriving = Vm.arrived(received);
      },
    });
    address = incoming.address;
    say(`listening on ${address}`);
    try {
      const { guest } = await incoming.result;
      // `either`: the source has not let go of it for certain, so somebody must look before it runs here.
      if (guest === 'destination') arriving?.run();
      vm = arriving;
      say(`a machine has arrived and ${guest === 'destination' ? 'runs' : 'waits'}: ${describe(vm)}`);
    } catch (error) {
      await arriving?.close();
      say(`no machine came: ${messageOf(error)}`);
    }
  }
}

async function leave(sent: Vm, to: string, maxBandwidth: number): Promise<void> {
  cancelling = new AbortController();
  try {
    const { statistics } = await send(sent, { to, maxBandwidth, signal: cancelling.signal, say });
    vm = undefined;
    await sent.close();
    say(`the machine has left after ${statistics.dirtySyncCount} rounds`);
  } catch (error) {
    const place = MultifdError.is(error) ? (error.guest ?? 'source') : 'source';
    say(`not migrated: ${messageOf(error)}; the machine is at its ${place}: ${describe(sent)}`);
  }
}

/** Stops the machine for a moment, if it runs, and compares all of its memory. */
async function check(checked: Vm): Promise<void> {
  const { isRunning } = checked;
  await checked.stop();
  const wrong = checked.differences();
  say(wrong.length === 0 ? `memory is right: ${describe(checked)}` : `WRONG pages: ${wrong.slice(0, 8)}`);
  if (isRunning) checked.run();
}

function describe(described: Vm | undefined): string {
  if (described === undefined) return 'none';
  const { steps, time } = described.devices;
  return `${steps} steps in ${(time / 1000).toFixed(1)} s`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const [mode, listen] = process.argv.slice(2);
if (mode === 'wait' && listen !== undefined) void wait(listen);
else {
  vm = Vm.create(64 * MIB);
  vm.run();
  say('booted');
}
for await (const line of createInterface({ input: process.stdin })) {
  const [command, to = '', limit = '0'] = line.split(' ');
  if (command === 'quit') break;
  if (command === 'cancel') cancelling.abort(new Error('the operator has cancelled'));
  else if (vm === undefined) say('there is no machine here');
  else if (command === 'migrate') void leave(vm, to, Number(limit) * MIB);
  else if (command === 'check') await check(vm);
  else say(`no such command: ${line}`);
}
process.exit();
