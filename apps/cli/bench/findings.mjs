/** Sentences whose numbers come from the samples, so that they cannot say what was not measured. */
import { figure, median } from './figures.mjs';

/** Sentences for which something was not measured are left out. */
const said = (...sentences) =>
  sentences
    .flatMap((sentence) => sentence())
    .map((each) => `- ${each}`)
    .join('\n');

export function losses({ results }) {
  const ns = (group, name) => {
    const found = results.find((result) => result.group === group && result.name === name);
    return found === undefined ? undefined : median(found.nsPerPage);
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
  return said(scattered, engine);
}
