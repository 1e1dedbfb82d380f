/** Sentences whose numbers come from the samples, so that they cannot say what was not measured. */
import { figure, GIB, median, PAGE, size } from './figures.mjs';

const MIB = 2 ** 20;
const s = (ms) => `${figure(ms / 1000)} s`;

/** Sentences for which something was not measured are left out. */
const said = (...sentences) =>
  sentences
    .flatMap((sentence) => sentence())
    .map((each) => `- ${each}`)
    .join('\n');

export function loopbackFindings({ runs }) {
  const of = (wanted) => {
    const found = runs.find((run) => Object.entries(wanted).every(([key, value]) => run[key] === value));
    return found?.samples.length > 0 ? found : undefined;
  };
  const share = (zero, channels) => of({ set: 'share', zero, channels });
  const ms = (run) => median(run.samples.map((sample) => sample.ms));
  const cpu = (run, end) => median(run.samples.map((sample) => sample.cpu[end]));
  const own = (run, end) =>
    median(run.samples.map((sample) => sample.peakRss[end] - sample.normalBytes)) / MIB;

  const dominating = () => {
    const [none, copy, fresh, touch] = [
      share(0, 2),
      of({ id: 'copy 1' }),
      of({ id: 'copy fresh 1' }),
      of({ id: 'touch 1' }),
    ];
    if (!(none && copy && fresh && touch)) return [];
    const perPage = (ms(touch) * 1000) / (touch.bytes / PAGE);
    return [
      `**None zero, beside bare copies:** ${size(none.bytes)} over 2 channels took ${s(ms(none))}. A bare copy ` +
        `of as many bytes between two processes took ${s(ms(copy))} as long as the reader used the same MiB again ` +
        `and again, but ${s(ms(fresh))} into fresh memory; merely writing one byte to each fresh page took ` +
        `${s(ms(touch))}, ${figure(perPage)} µs a page. So we took ${figure(ms(none) / ms(fresh))} times as long as ` +
        'the bare copy that has to fault in the same pages.',
    ];
  };
  const cpuCost = () => {
    const [none, fresh] = [share(0, 2), of({ id: 'copy fresh 1' })];
    if (!(none && fresh)) return [];
    return [
      `**CPU, none zero, 2 channels:** ${s(cpu(none, 'source'))} at the source and ` +
        `${s(cpu(none, 'destination'))} at the destination, against ${s(cpu(fresh, 'source'))} and ` +
        `${s(cpu(fresh, 'destination'))} for the bare copy into fresh memory.`,
    ];
  };
  const onread = () => {
    const [direct, events] = [of({ id: 'copy 1' }), of({ id: 'copy data 1' })];
    if (!(direct && events)) return [];
    return [
      `**Why the destination adopts its sockets (\`onread\`):** reading ${size(direct.bytes)} took ` +
        `${s(cpu(direct, 'destination'))} of CPU, ${s(cpu(events, 'destination'))} through \`data\` events.`,
    ];
  };
  const zeroes = () => {
    const [cold, warm] = [share(1, 2), of({ set: 'populate', channels: 2 })];
    if (!(cold && warm)) return [];
    const rate = (run) => figure(run.bytes / ms(run) / 1e6);
    return [
      `**All zero, 2 channels:** ${s(ms(cold))} (${rate(cold)} GB/s of guest) when the zero pages were never touched, ` +
        `${s(ms(warm))} (${rate(warm)} GB/s) when they had been written once.`,
    ];
  };
  const scaling = () =>
    [1, 0.5, 0].flatMap((zero) => {
      const [one, two, four] = [1, 2, 4].map((count) => share(zero, count));
      if (!(one && two && four)) return [];
      const name = { 1: 'All', 0.5: 'Half', 0: 'None' }[zero];
      return [
        `**${name} zero, 1 / 2 / 4 channels:** ${[one, two, four].map((run) => s(ms(run))).join(' / ')}.`,
      ];
    });
  const detection = () => {
    const found = [of({ detection: 'none' }), of({ detection: 'legacy' }), share(0.5, 2)];
    if (!found.every(Boolean)) return [];
    return [
      `**Detection none / legacy / multifd, half zero, 2 channels:** ${found.map((run) => s(ms(run))).join(' / ')}.`,
    ];
  };
  const memory = () => {
    const [small, large] = [of({ set: 'size', bytes: GIB }), of({ set: 'size', bytes: 8 * GIB })];
    const [one, four] = [share(1, 1), share(1, 4)];
    if (!(small && large && one && four)) return [];
    const growth = (end) => figure(own(large, end) - own(small, end));
    const each = (end) => figure((own(four, end) - own(one, end)) / 3);
    return [
      `**Memory of our own, from a guest of 1 GiB to one of 8 GiB:** ${growth('source')} MiB more at the source, ` +
        `${growth('destination')} MiB more at the destination; a bitmap of 7 GiB is 0.219 MiB. Each further channel: ` +
        `${each('source')} MiB at the source, ${each('destination')} MiB at the destination.`,
    ];
  };
  return said(dominating, cpuCost, onread, zeroes, scaling, detection, memory);
}

export function losses({ runs }, { results }) {
  const ns = (group, name) => {
    const found = results.find((result) => result.group === group && result.name === name);
    return found === undefined ? undefined : median(found.nsPerPage);
  };
  const of = (zero, channels) =>
    runs.find(
      (run) =>
        run.set === 'share' && run.zero === zero && run.channels === channels && run.samples.length > 0,
    );
  const residency = () => {
    const [all, half] = [of(1, 2), of(0.5, 2)];
    if (!(all && half)) return [];
    const rss = (run, end) => median(run.samples.map((sample) => sample.peakRss[end]));
    const held = (end) => (rss(half, end) - rss(all, end)) / MIB;
    const normal = median(half.samples.map((sample) => sample.normalBytes)) / MIB;
    const [there, here] = [held('source'), held('destination')];
    if (there < 1.1 * normal && here < 1.1 * normal) return [];
    return [
      `**A guest that is half zero holds more than its normal pages:** ${figure(normal)} MiB of normal pages made ` +
        `${figure(there)} MiB resident at the source and ${figure(here)} MiB at the destination (peak RSS less that ` +
        'of the all-zero guest). A SharedArrayBuffer does not begin where a page of memory begins, so that a page of ' +
        'the guest lies on two of the host.',
    ];
  };
  const setup = () => {
    const run = of(1, 2);
    if (!run) return [];
    const [start, total] = ['setup', 'ms'].map((key) => median(run.samples.map((sample) => sample[key])));
    return [
      `**Starting:** ${figure(start)} ms of the ${figure(total)} ms of the all-zero guest with 2 channels went by ` +
        'before the first page was looked at: threads, modules, connections.',
    ];
  };
  const scattered = () => {
    const [half, used, cleared] = [
      'half zero, used memory',
      'none zero, used memory',
      'all zero, used memory (cleared)',
    ].map((name) => ns('destination path', name));
    if (!(half && used && cleared)) return [];
    return [
      `**Zero pages into memory that was used:** clearing took ${figure(cleared)} ns a page, where receiving a page ` +
        `with content from memory took ${figure(used)}; mixed page by page, ${figure(half)}.`,
    ];
  };
  const engine = () => {
    const [free, checked] = ['all zero, check that costs nothing', 'all zero, written once'].map((name) =>
      ns('source path', name),
    );
    if (!(free && checked)) return [];
    return [
      `**Our own work for a zero page:** ${figure(free)} ns at the source (dirty bits, sorting, packets), out of ` +
        `${figure(checked)} ns with the check of memory that was written once.`,
    ];
  };
  return said(residency, setup, scattered, engine);
}
