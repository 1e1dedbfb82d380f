/** Tables of what was moved by QEMU and by multifd in the same run. */
import { figure, GIB, median, spread, table } from './figures.mjs';

const seconds = ({ samples }) => spread(samples.map(({ ms }) => ms / 1000));
const cpu = ({ samples }) => spread(samples.map((each) => (each.cpu.source + each.cpu.destination) / 1000));
const middle = ({ samples }) => median(samples.map(({ ms }) => ms));

/** Sides of one guest, by name. */
function groups({ runs }, group) {
  const byId = new Map();
  for (const run of runs.filter((each) => each.group === group)) {
    byId.set(run.id, { ...byId.get(run.id), [run.side]: run });
  }
  return [...byId.values()];
}

export function compressionTable(measured) {
  const ratio = ({ samples, size }) => figure(median(samples.map(({ transferred }) => transferred)) / size);
  const rate = (run) => figure(run.size / 1e9 / (middle(run) / 1000));
  const rows = groups(measured, 'compression')
    .map(({ multifd, ...others }) => [multifd, ...Object.values(others)])
    .map(([multifd, qemu]) => [
      `${multifd.content}, ${multifd.compression}${multifd.level === undefined ? '' : ` ${multifd.level}`}`,
      ratio(qemu),
      ratio(multifd),
      rate(qemu),
      rate(multifd),
      seconds(qemu),
      seconds(multifd),
      cpu(qemu),
      cpu(multifd),
    ]);
  return table(
    [
      'memory, method and level',
      ...['sent / RAM', 'GB/s', 's', 'CPU s'].flatMap((what) => [`QEMU ${what}`, `multifd ${what}`]),
    ],
    rows,
  );
}

/** What `auto` cost or brought, beside `none` in the same run. */
export function autoTable(measured) {
  const rows = groups(measured, 'auto').map(({ none, auto }) => [
    `${auto.content}${auto.limit === 0 ? '' : `, ${auto.limit / 2 ** 20} MiB/s`}`,
    seconds(none),
    seconds(auto),
    figure(middle(auto) / middle(none)),
    [...new Set(auto.samples.map(({ chosen }) => chosen))].join(', '),
  ]);
  return table(['memory, line', 'none, s', 'auto, s', 'auto / none', 'chose'], rows);
}

export function besideMachine({ environment, runs }) {
  const counts = runs.map(({ samples }) => samples.length);
  const [few, many] = [Math.min(...counts), Math.max(...counts)];
  const others = runs.flatMap(({ samples }) => samples.map((sample) => sample.others ?? Number.NaN));
  const busy = others.filter((share) => share > 0.1).length;
  const disturbed = others.some(Number.isNaN)
    ? ''
    : ` Right before ${busy} of the ${others.length} runs something else used more than a tenth of the cores.`;
  const taken = few === many ? `${few}` : `${few} to ${many}`;
  const { cpu: model, cores, node, commit, date, loadBefore, qemu } = environment;
  return (
    `Measured on: ${model}, ${cores} cores; Node ${node}; QEMU ${qemu}; commit ${commit}; ${date.slice(0, 10)}; load ` +
    `before the run ${loadBefore}. Runs of each, in turns: ${taken}; median (lowest-highest), or one figure of one run. 1 GiB is ${GIB} bytes.${disturbed}`
  );
}
