import { MultifdError } from '../errors.js';
import { kindOf, shown } from '../given.js';
import { AUTO } from '../methods/shape.js';
import type { MigrateOptions, ReceiveOptions } from './api.js';
import type { RelayOptions } from './relay/relay.js';

const GUEST_CALLBACKS = [
  'syncDirty',
  'stop',
  'resume',
  'throttle',
  'deviceState',
  'rawDeviceState',
  'intact',
];
/** Packages of ours that have a method. */
const PACKAGES: ReadonlyMap<string, string> = new Map([
  ['zlib', '@multifd/codec-zlib'],
  ['zstd', '@multifd/codec-zstd'],
]);

/** The checks of a program without types; values are checked where they are used. @throws MultifdError `usage`. */
export function checkMigrateOptions(options: MigrateOptions): void {
  object(options, 'migrate: its options');
  object(options.guest, 'migrate: guest');
  object(options.guest.ram, 'migrate: guest.ram');
  callbacks(options.guest, 'migrate: guest.', GUEST_CALLBACKS);
  text(options.to, 'migrate: to', 'tcp:HOST:PORT or unix:PATH');
  callbacks(options, 'migrate: ', ['onEvent']);
  tls(options.tls, 'migrate: tls');
  optional(options.parameters, 'migrate: parameters');
  methods(options, 'migrate');
}

/** As `checkMigrateOptions`. */
export function checkReceiveOptions(options: ReceiveOptions): void {
  object(options, 'receive: its options');
  text(options.listen, 'receive: listen', 'tcp:HOST:PORT or unix:PATH');
  callbacks(options, 'receive: ', ['openRam', 'commit', 'report', 'onEvent']);
  tls(options.tls, 'receive: tls');
  optional(options.parameters, 'receive: parameters');
  methods(options, 'receive');
}

/** As `checkMigrateOptions`. */
export function checkRelayOptions(options: RelayOptions): void {
  object(options, 'relay: its options');
  text(options.listen, 'relay: listen', 'tcp:HOST:PORT or unix:PATH');
  text(options.to, 'relay: to', 'tcp:HOST:PORT or unix:PATH');
  callbacks(options, 'relay: ', ['onEvent']);
  tls(options.incomingTls, 'relay: incomingTls');
  tls(options.outgoingTls, 'relay: outgoingTls');
  optional(options.incoming, 'relay: incoming');
  optional(options.outgoing, 'relay: outgoing');
  methods(options, 'relay');
}

/** A method of another package needs its module: said now, and not when a peer has connected. */
export function checkMethod(
  multifdCompression: string,
  { methodModules = [], methodSettings = {} }: Pick<MigrateOptions, 'methodModules' | 'methodSettings'>,
): void {
  const [setting] = Object.keys(methodSettings);
  if (multifdCompression === 'none' && setting !== undefined) {
    throw new MultifdError('usage', `methodSettings: ${setting} has no use with multifdCompression none`, {
      hint: 'name its method (multifdCompression), or leave it out',
    });
  }
  if (['none', AUTO].includes(multifdCompression) || methodModules.length > 0) return;
  const known = PACKAGES.get(multifdCompression);
  throw new MultifdError(
    'codec-unavailable',
    `multifdCompression ${multifdCompression} is not available: methodModules names no module; known here: none`,
    {
      hint:
        known === undefined
          ? 'give the module that exports it: methodModules: [URL]'
          : `install ${known}, and give methodModules: [import.meta.resolve('${known}')]`,
    },
  );
}

function methods(
  { methodModules, methodSettings }: { readonly methodModules?: unknown; readonly methodSettings?: unknown },
  what: string,
): void {
  const isList = Array.isArray(methodModules) && methodModules.every((each) => typeof each === 'string');
  if (methodModules !== undefined && !isList) {
    throw refuse(`${what}: methodModules must be an array of URLs, is ${shown(methodModules)}`);
  }
  optional(methodSettings, `${what}: methodSettings`);
}

function tls(given: unknown, what: string): void {
  if (given === undefined) return;
  object(given, what);
  object(Reflect.get(Object(given), 'credentials'), `${what}.credentials`, 'loadTlsCredentials makes them');
}

function callbacks(owner: object, what: string, names: readonly string[]): void {
  for (const name of names) {
    const given: unknown = Reflect.get(owner, name);
    if (given !== undefined && typeof given !== 'function')
      throw refuse(`${what}${name} must be a function, is ${kindOf(given)}`);
  }
}

function text(given: unknown, what: string, form: string): void {
  if (typeof given !== 'string')
    throw refuse(`${what} must be a string, is ${shown(given)}`, `write ${form}`);
}

function optional(given: unknown, what: string): void {
  if (given !== undefined) object(given, what);
}

function object(given: unknown, what: string, hint?: string): void {
  if (typeof given !== 'object' || given === null)
    throw refuse(`${what} must be an object, is ${shown(given)}`, hint);
}

function refuse(message: string, hint?: string): MultifdError {
  return new MultifdError('usage', message, hint === undefined ? {} : { hint });
}
