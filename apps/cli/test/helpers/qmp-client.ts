import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const SCRIPT = fileURLToPath(new URL('../fixtures/qmp-client.py', import.meta.url));
/** Where `.ci/install-qmp-client` puts it. */
const PLACE = process.env.MULTIFD_PYTHON_DIR ?? '/opt/multifd-python';

/** A Python that has `qemu.qmp`; undefined if there is none here. */
export function findQmpPython(): string | undefined {
  return [`${PLACE}/bin/python`, 'python3'].find(
    (python) => spawnSync(python, ['-c', 'import qemu.qmp'], { stdio: 'ignore' }).status === 0,
  );
}

/** Runs a scenario of `qmp-client.py`. @returns its document; throws with what Python says if it fails. */
export async function steer(python: string, ...args: readonly string[]) {
  const child = spawn(python, [SCRIPT, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const out = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      out[name] += text;
    });
  }
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`qmp-client.py ${args.join(' ')}: ${out.stderr}`);
  return JSON.parse(out.stdout);
}
