/** Strangers who type what our guides say, in an empty folder. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { codeOf } from '../docs/guide.mjs';
import { person } from './person.mjs';

/** Guides, with the folder that their `start` makes, and what their `try` must print. */
const GUIDES = [
  { page: 'docs/writing-an-accelerator.md', makes: 'my-accelerator', says: /accelerator: my-offload/ },
  { page: 'docs/writing-a-codec.md', makes: 'my-codec', says: /compression my-codec/ },
];

/** Each guide from its first command to its last: the suites pass, and a migration that uses the result is verified. */
export function checkGuides(node, folder, root, env) {
  const { shell, version } = person(node, folder, env);
  for (const { page, makes, says } of GUIDES) {
    const { files, commands } = codeOf(readFileSync(join(root, page), 'utf8'));
    if (files.size === 0 || !commands.has('start') || !commands.has('try'))
      throw new Error(`${page}: its code is not marked`);
    shell(folder, commands.get('start'));
    for (const [path, code] of files) {
      const file = join(folder, makes, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, code);
    }
    const output = shell(join(folder, makes), commands.get('try'));
    for (const wanted of [says, /^verified: /m])
      if (!wanted.test(output))
        throw new Error(`${page}: ${wanted} is not in what it printed: ${output.slice(-2000)}`);
    console.log(`${version} ${page}: ${files.size} files, its suite passes, a migration is verified`);
  }
}

/** The example of a VMM, out of the clone, as its README says. */
export function checkLiveVm(node, folder, root, env) {
  const { shell, version } = person(node, folder, env);
  const home = join(root, 'examples/live-vm');
  cpSync(join(home, 'src'), join(folder, 'src'), { recursive: true });
  const { commands } = codeOf(readFileSync(join(home, 'README.md'), 'utf8'));
  const output = shell(folder, commands.get('alone'));
  if (!/has moved twice/.test(output)) throw new Error(output);
  console.log(`${version} examples/live-vm: a machine has moved twice`);
}
