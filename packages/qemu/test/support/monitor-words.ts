import { connect } from 'node:net';

const GENERIC = 'GenericError';
const UNKNOWN = 'CommandNotFound';

/** What a client sends, and how a QEMU 10.0 refuses it: its class and its words. In this order, in one connection. */
export const REFUSED: readonly (readonly [text: string, kind: string, desc: string])[] = [
  ['{"execute":"nope"}', UNKNOWN, 'The command nope has not been found'],
  ['{"execute":3}', GENERIC, "QMP input member 'execute' must be a string"],
  ['{"execute":"query-status","x":1}', GENERIC, "QMP input member 'x' is unexpected"],
  ['{"execute":"query-status","arguments":3}', GENERIC, "QMP input member 'arguments' must be an object"],
  ['{"arguments":{}}', GENERIC, "QMP input lacks member 'execute'"],
  ['[]', GENERIC, 'QMP input must be a JSON object'],
  ['{"execute":"query-status","arguments":{"q":1}}', GENERIC, "Parameter 'q' is unexpected"],
  [parameters({ 'multifd-channels': '2' }), GENERIC, "Parameter 'multifd-channels' expects uint64"],
  [parameters({ 'downtime-limit': 1.5 }), GENERIC, "Parameter 'downtime-limit' expects uint64"],
  [parameters({ 'multifd-channels': 256 }), GENERIC, "Parameter 'multifd-channels' expects uint8_t"],
  [
    parameters({ 'multifd-channels': 0 }),
    GENERIC,
    "Parameter 'multifd_channels' expects a value between 1 and 255",
  ],
  [
    parameters({ 'cpu-throttle-initial': 0 }),
    GENERIC,
    "Parameter 'cpu_throttle_initial' expects an integer in the range of 1 to 99",
  ],
  [
    parameters({ 'cpu-throttle-increment': 100 }),
    GENERIC,
    "Parameter 'cpu_throttle_increment' expects an integer in the range of 1 to 99",
  ],
  [parameters({ 'cpu-throttle-initial': -1 }), GENERIC, "Parameter 'cpu-throttle-initial' expects uint8_t"],
  [
    parameters({ 'throttle-trigger-threshold': 101 }),
    GENERIC,
    "Parameter 'throttle_trigger_threshold' expects an integer in the range of 1 to 100",
  ],
  [
    parameters({ 'cpu-throttle-initial': 50, 'max-cpu-throttle': 40 }),
    GENERIC,
    "Parameter 'max_cpu_throttle' expects an integer in the range of cpu_throttle_initial to 99",
  ],
  [parameters({ nope: 1 }), GENERIC, "Parameter 'nope' is unexpected"],
  [
    parameters({ 'zero-page-detection': 'x' }),
    GENERIC,
    "Parameter 'zero-page-detection' does not accept value 'x'",
  ],
  [
    capabilities([{ capability: 'x', state: true }]),
    GENERIC,
    "Parameter 'capability' does not accept value 'x'",
  ],
  [capabilities([{ capability: 'events' }]), GENERIC, "Parameter 'capabilities[0].state' is missing"],
  [capabilities(3), GENERIC, "Invalid parameter type for 'capabilities', expected: array"],
  [
    capabilities([{ capability: 'events', state: 1 }]),
    GENERIC,
    "Invalid parameter type for 'capabilities[0].state', expected: boolean",
  ],
  ['{"execute":"migrate-set-capabilities","arguments":{}}', GENERIC, "Parameter 'capabilities' is missing"],
  ['{"execute":"migrate"}', GENERIC, "need either 'uri' or 'channels' argument"],
  [
    '{"execute":"migrate","arguments":{"uri":3}}',
    GENERIC,
    "Invalid parameter type for 'uri', expected: string",
  ],
  ['{"execute":"migrate","arguments":{"uri":"foo:1"}}', GENERIC, 'unknown migration protocol: foo:1'],
  ['{"execute":"migrate","arguments":{"uri":"tcp:127.0.0.1"}}', GENERIC, "error parsing address '127.0.0.1'"],
  [parameters({ 'max-bandwidth': 2 ** 65 }), GENERIC, "Parameter 'max-bandwidth' expects uint64"],
  [
    '{"execute":"migrate-incoming","arguments":{"uri":"tcp:127.0.0.1:0"}}',
    GENERIC,
    "'-incoming' was not specified on the command line",
  ],
  [
    '{"execute":"qmp_capabilities"}',
    UNKNOWN,
    'Capabilities negotiation is already complete, command ignored',
  ],
];

function parameters(given: object): string {
  return JSON.stringify({ execute: 'migrate-set-parameters', arguments: given });
}

function capabilities(given: unknown): string {
  return JSON.stringify({ execute: 'migrate-set-capabilities', arguments: { capabilities: given } });
}

/**
 * Sends each text to the monitor at `path` once the one before it is answered. Answers in turn, the greeting first; events
 * are left out.
 */
export async function converse(path: string, texts: readonly string[]): Promise<unknown[]> {
  const socket = connect(path);
  const answers: unknown[] = [];
  let line = '';
  const done = Promise.withResolvers<void>();
  socket.once('error', done.reject);
  socket.once('close', () => done.resolve());
  socket.setEncoding('utf8').on('data', (text: string) => {
    const parts = `${line}${text}`.split('\n');
    line = parts.pop() ?? '';
    for (const part of parts) {
      const answer: unknown = JSON.parse(part);
      if (typeof answer === 'object' && answer !== null && 'event' in answer) continue;
      answers.push(answer);
      const next = texts[answers.length - 1];
      if (next === undefined) socket.destroy();
      else socket.write(next);
    }
  });
  await done.promise;
  return answers;
}
