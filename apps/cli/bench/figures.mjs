/** From samples to what stands in a table. */
export { figure, GIB, median, size, spread, table } from '../src/bench/figures.ts';

export const PAGE = 4096;

export function machine({ cpu, cores, memoryGiB, system, node, arch, commit, date, loadBefore }, what) {
  const parts = [
    `${cpu}, ${cores} cores`,
    ...(memoryGiB === undefined ? [] : [`${memoryGiB} GiB`]),
    ...(system === undefined ? [] : [system]),
    `Node ${node} ${arch}`,
    ...(commit === undefined ? [] : [`commit ${commit}`]),
    date.slice(0, 10),
    ...(loadBefore === undefined ? [] : [`load before the run ${loadBefore}`]),
  ];
  return `${what}: ${parts.join('; ')}.`;
}
