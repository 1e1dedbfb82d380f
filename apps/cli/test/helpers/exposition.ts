/** A sample of Prometheus' text format: its name, and its value. */
export type Samples = ReadonlyMap<string, number>;

const SAMPLE = /^([a-z_]+)(\{[a-z_]+="[^"\\]*"(?:,[a-z_]+="[^"\\]*")*\})? (\S+)$/;

/**
 * Reads Prometheus' text format as strictly as its specification: each sample stands behind HELP and TYPE of its metric, and comes
 * once.
 * @returns each sample, by its name with its labels.
 */
export function parseExposition(text: string): Samples {
  const samples = new Map<string, number>();
  const seen = new Set<string>();
  let helped = '';
  let [typed, kind] = ['', ''];
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  for (const line of text.slice(0, -1).split('\n')) {
    if (line === '') continue;
    const [, help] = /^# HELP ([a-z_]+) \S.*$/.exec(line) ?? [];
    const [, type, named] = /^# TYPE ([a-z_]+) (counter|gauge)$/.exec(line) ?? [];
    const [, name, labels = '', value] = SAMPLE.exec(line) ?? [];
    if (help !== undefined) helped = help;
    else if (type !== undefined && type === helped && !seen.has(type)) {
      [typed, kind] = [type, named ?? ''];
      seen.add(type);
    } else if (name !== undefined && name === typed && !samples.has(name + labels)) {
      if (!Number.isFinite(Number(value))) throw new Error(`no number: ${line}`);
      if (name.endsWith('_total') !== (kind === 'counter')) throw new Error(`not its kind: ${line}`);
      samples.set(name + labels, Number(value));
    } else throw new Error(`not understood: ${line}`);
  }
  return samples;
}

/** The metrics that these samples belong to. */
export function names(samples: Samples): ReadonlySet<string> {
  return new Set([...samples.keys()].map((key) => key.replace(/\{.*/, '')));
}
