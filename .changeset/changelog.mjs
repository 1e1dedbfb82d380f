/**
 * The lines of changelogs. As long as nothing was released, they say what there is (`first-release-*.md`), and not what has changed
 * since versions that nobody had.
 */
import { globSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const isFirst = globSync('{packages,apps}/*/CHANGELOG.md', { cwd: root }).length === 0;

/** @returns the changeset's text as an item of a list; nothing if it does not belong there. */
async function getReleaseLine({ id, summary }) {
  if (isFirst && !id.startsWith('first-release')) return '';
  const [line, ...rest] = summary.trim().split('\n');
  return [`- ${line}`, ...rest.map((each) => (each === '' ? '' : `  ${each}`))].join('\n');
}

async function getDependencyReleaseLine(_changesets, updated) {
  if (isFirst || updated.length === 0) return '';
  return [
    '- Newer dependencies:',
    ...updated.map(({ name, newVersion }) => `  - ${name}@${newVersion}`),
  ].join('\n');
}

export default { getReleaseLine, getDependencyReleaseLine };
