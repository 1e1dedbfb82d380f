/** What packages do on a Node that is older than they ask for: load if they can, or say in one line which Node they need. */
import { spawnSync } from 'node:child_process';

/** Only these use what older Nodes lack, so only these refuse to be imported. */
const REFUSE = ['@multifd/core', '@multifd/qemu', '@multifd/store'];
/** Exit code of the command, as its README has it. */
const NOT_AVAILABLE = 3;

/** Pure. @param range as `engines` here have it: `>=22.0.0`, or `^22.15.0 || >=24.0.0`. */
export function accepts(range, version) {
  const given = numbers(version);
  return range.split(' || ').some((part) => {
    const least = numbers(part);
    const isEnough =
      given.map((number, at) => number - least[at]).find((difference) => difference !== 0) >= 0 ||
      given.join() === least.join();
    return isEnough && (part.startsWith('>=') || given[0] === least[0]);
  });
}

function numbers(text) {
  return /(\d+)\.(\d+)\.(\d+)/.exec(text).slice(1).map(Number);
}

/**
 * Imports one entry of a package.
 * @param specifier a path or a name, as seen from `cwd`.
 * @returns whether it was imported.
 * @throws Error if it must be, and was not; or if it was refused in other words than one line.
 */
export function checkImport({ node, version, cwd, env, name, specifier, isMain, range }) {
  const code = `await import(${JSON.stringify(specifier)})`;
  const { status, stderr } = ended(node, ['--input-type=module', '-e', code], { cwd, env });
  const mustRefuse = isMain && REFUSE.includes(name) && !accepts(range, version);
  if (status === 0 && !mustRefuse) return true;
  const what = `${version}: import of ${specifier}`;
  if (!mustRefuse) throw new Error(`${what}: ${stderr}`);
  const said = /^MultifdError: (@multifd\/\S+ needs Node .* and this is Node \S+)$/m.exec(stderr)?.[1];
  if (status !== 1 || said === undefined || !said.endsWith(` ${version}`))
    throw new Error(`${what}: ended with ${status}, and did not say in one line why: ${stderr}`);
  return false;
}

/** The command on a Node that is too old for it: one line, a hint, and the exit code of its README. */
export function checkCommandRefuses({ node, version, cwd, env, command }) {
  const { status, stderr, stdout } = ended(...command(node), { cwd, env });
  const words = new RegExp(`^multifd: Node ${version} cannot run this: use Node .*\nhint: .*\n$`);
  if (status !== NOT_AVAILABLE || stdout !== '' || !words.test(stderr))
    throw new Error(`${version}: multifd migrate: ended with ${status}: ${stdout}${stderr}`);
}

function ended(file, args, options) {
  return spawnSync(file, args, { encoding: 'utf8', timeout: 300_000, ...options });
}
