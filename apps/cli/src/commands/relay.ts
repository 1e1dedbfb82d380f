import {
  checkLimits,
  completeParameters,
  type MigrationParameters,
  type MigrationStatus,
  relay,
  relayThreads,
} from '@multifd/core';
import { chooseAccelerator } from '../accelerators/choose.js';
import { type CodecChoice, chooseCodec } from '../codecs/choose.js';
import { type ExitCode, endOf } from '../exit-codes.js';
import { chooseHost } from '../host/choose-host.js';
import { endedAtOnce, type Interrupt, listenForInterrupt } from '../interrupt.js';
import { startNodeThreads } from '../node-threads.js';
import { codecSettings } from '../options/compression.js';
import { tellCompat, withCompatHint } from '../options/machine-compat.js';
import { isLocal, parseListen, parseRelayDestination } from '../options/places.js';
import { givenParameters, type RelayOptions } from '../options/requests.js';
import { admits, checkReach, relayTls } from '../options/tls.js';
import { afterCompletion, formatError } from '../report/errors.js';
import { checkFarewell } from '../report/farewell.js';
import { ArrivalProgress, replacedNote } from '../report/progress.js';
import { Refusals } from '../report/refusals.js';
import { type RelayFacts, relayDocument } from '../report/relay-document.js';
import { relaySummary } from '../report/relay-summary.js';
import { noting, openTerminal, type Terminal } from '../report/terminal.js';
import { peakRss, ResourceClock } from '../resources.js';
import { Watch } from '../watch/watch.js';

/** `multifd relay`: a guest migrates through this process, from one source to one destination. */
export async function relayCommand(
  listen: string,
  destination: string,
  options: RelayOptions,
): Promise<ExitCode> {
  const notes: string[] = [];
  const terminal = noting(await openTerminal(options.progress === 'json'), notes);
  const facts: RelayFacts = { listen, destination, refusals: new Refusals(), notes };
  const end = (caught: unknown): ExitCode => {
    terminal.clear();
    const completed = facts.completed === true;
    const error =
      caught !== undefined && completed
        ? afterCompletion(caught)
        : withCompatHint(caught, facts.contradiction);
    const code = endOf(completed, error);
    interrupted.release(code);
    const document = relayDocument(facts, error);
    if (options.json) process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
    else if (facts.result !== undefined) process.stdout.write(relaySummary(document));
    if (error !== undefined) process.stderr.write(formatError(error));
    return code;
  };
  const interrupted = listenForInterrupt({
    note: (line) => terminal.note(line),
    waitsFor,
    endAtOnce: () => end(endedAtOnce(facts.guest?.())),
  });
  let watch: Watch | undefined;
  let caught: unknown;
  try {
    startNodeThreads();
    watch = await Watch.open('relay', options, terminal);
    await run(facts, options, terminal, watch.steers(interrupted), watch);
  } catch (error) {
    caught = error;
  }
  await watch?.end(caught, interrupted.signal, (line) => terminal.note(line));
  return end(caught);
}

/** What the end waits for after a signal. */
function waitsFor(status: MigrationStatus): string {
  if (status === 'completed')
    return 'the guest is at its destination, and its source has not closed its main stream yet (as with COLO, x-colo)';
  return status === 'device'
    ? "the destination's word is waited for: it may have the guest"
    : 'the migration is being cancelled';
}

/** One guest's way through. @throws MultifdError; the facts tell how far it came. */
async function run(
  facts: RelayFacts,
  options: RelayOptions,
  terminal: Terminal,
  interrupt: Interrupt,
  watch: Watch,
): Promise<void> {
  const { signal } = interrupt;
  const listen = parseListen(facts.listen ?? '');
  const to = parseRelayDestination(facts.destination ?? '');
  const tls = relayTls(options);
  checkReach(listen, tls.incomingTls !== undefined, options.insecure === true);
  const codec = await chooseCodec(options.multifdCompression ?? 'none', process.cwd(), signal);
  const { outgoingMultifdCompression } = options;
  const outgoingCodec =
    outgoingMultifdCompression === undefined
      ? codec
      : await chooseCodec(outgoingMultifdCompression, process.cwd(), signal);
  const settings = codecSettings(options, outgoingCodec);
  facts.incomingCodec = codec;
  facts.outgoingCodec = { ...outgoingCodec, settings };
  const { incoming, outgoing } = sides(options, codec, outgoingCodec);
  facts.incomingChannels = incoming.multifdChannels;
  const { multifdChannels: outgoingChannels, zeroPageDetection } = completeParameters(outgoing);
  facts.outgoingChannels = outgoingChannels;
  facts.detection = zeroPageDetection;
  checkLimits(relayThreads(incoming.multifdChannels, outgoingChannels));
  const clock = new ResourceClock();
  const needed = zeroPageDetection !== 'none';
  const choice = needed ? await chooseAccelerator(options, process.cwd(), outgoingChannels) : undefined;
  if (choice !== undefined) facts.accelerator = choice;
  const { module: socketIo } = chooseHost(options.host);
  const { machineType, uuid } = options;
  const progress = new ArrivalProgress('relayed');
  const relaying = await relay({
    listen,
    to,
    incoming,
    outgoing,
    methodModules: [...codec.modules, ...outgoingCodec.modules],
    methodSettings: settings,
    signal,
    ...tls,
    ...(choice === undefined ? {} : { accelerator: choice }),
    ...(socketIo === undefined ? {} : { socketIo }),
    onEvent: (event) => {
      watch.onEvent(event);
      if (event.type === 'status') interrupt.reached(event.status);
      // From here on the source has no guest any more, whatever else may fail.
      if (event.type === 'status' && event.status === 'completed') facts.completed = true;
      if (event.type === 'progress') terminal.progress(progress.line(event.statistics));
      if (event.type === 'warning') terminal.note(event.message);
      if (event.type === 'refused')
        for (const line of facts.refusals?.note(event.peer, event.reason) ?? []) terminal.note(line);
      if (event.type === 'machine-compat')
        facts.contradiction = tellCompat(event.machineType, outgoing, (line) => terminal.note(line));
      if (event.type === 'accelerator-replaced') terminal.note(replacedNote(event.replacement));
    },
    ...(machineType === undefined ? {} : { machineType }),
    ...(uuid === undefined ? {} : { uuid }),
  });
  facts.listen = relaying.address;
  facts.guest = () => relaying.guest();
  const open = isLocal(relaying.address) ? 'only this machine' : 'other machines, unencrypted';
  const reach = tls.incomingTls === undefined ? open : admits(tls.incomingTls);
  const how = tls.outgoingTls !== undefined ? ' (TLS)' : isLocal(to) ? '' : ' (unencrypted)';
  terminal.note(`listening on ${relaying.address} (${reach}), relaying to ${to}${how}`);
  facts.result = await relaying.result;
  facts.detection = facts.result.outgoing.zeroPageDetection;
  facts.cpuTime = clock.elapsed();
  facts.peakRss = peakRss();
  checkFarewell(facts.result.guest, incoming.stallTimeout);
}

/** What was given holds for both sides; what begins with outgoing, and what a peer's age demands, for that one. */
function sides(
  options: RelayOptions,
  codec: CodecChoice,
  outgoingCodec: CodecChoice,
): { incoming: MigrationParameters; outgoing: Partial<MigrationParameters> } {
  const given = givenParameters(options, codec);
  const { outgoingMultifdChannels } = options;
  return {
    incoming: completeParameters(given),
    // Not completed: the guest's machine type comes before the defaults, and is not known yet.
    outgoing: {
      ...given,
      multifdCompression: outgoingCodec.name,
      ...(outgoingMultifdChannels === undefined ? {} : { multifdChannels: outgoingMultifdChannels }),
    },
  };
}
