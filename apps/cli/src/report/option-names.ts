/** Core's parameters and the options that set them, the usual name first. */
const OPTIONS: Readonly<Record<string, readonly string[]>> = {
  multifdChannels: ['--channels', '--multifd-channels'],
  multifdCompression: ['--compression', '--multifd-compression'],
  zeroPageDetection: ['--zero-page-detection'],
  maxBandwidth: ['--max-bandwidth'],
  downtimeLimit: ['--downtime-limit'],
  autoConverge: ['--auto-converge'],
  cpuThrottleInitial: ['--cpu-throttle-initial'],
  cpuThrottleIncrement: ['--cpu-throttle-increment'],
  maxCpuThrottle: ['--max-cpu-throttle'],
  maxRounds: ['--max-rounds'],
  limitAction: ['--limit-action'],
  setupTimeout: ['--setup-timeout'],
  stallTimeout: ['--stall-timeout'],
  idleTimeout: ['--idle-timeout'],
  completionTimeout: ['--completion-timeout'],
  maxRam: ['--max-ram'],
  machineType: ['--machine-type'],
};

/** What libraries say of their options, and the option that means it here. */
const PHRASES: readonly (readonly [said: string, here: string])[] = [
  ['leave requestReport out', 'give --no-verify'],
  ['let this one be replaced', 'give --force to replace it'],
  ['outgoing.multifdChannels', '--outgoing-multifd-channels'],
  ['as ram: ', 'with --ram '],
  ['the same VM uuid (QEMU: -uuid)', 'the same uuid (--uuid; of a QEMU: -uuid)'],
];

const NAMES = new RegExp(`\\b(${Object.keys(OPTIONS).join('|')})\\b`, 'g');

/**
 * Core is a library, and its errors name its own parameters. On the command line they are options: `text` with their
 * names, as they were typed if they were.
 */
export function inOptions(text: string, args: readonly string[] = process.argv): string {
  const phrased = PHRASES.reduce((words, [said, here]) => words.replace(said, here), text);
  return phrased.replace(NAMES, (parameter) => {
    const options = OPTIONS[parameter] ?? [];
    const typed = options.find((option) =>
      args.some((arg) => arg === option || arg.startsWith(`${option}=`)),
    );
    return typed ?? options[0] ?? parameter;
  });
}
