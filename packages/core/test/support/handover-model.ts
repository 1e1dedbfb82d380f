import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../..', import.meta.url));

function cargo(args: readonly string[], input?: string) {
  return spawnSync('cargo', args, { cwd: root, encoding: 'utf8', ...(input === undefined ? {} : { input }) });
}

/** Why the model cannot run here; undefined if it can. @throws Error then, if Rust is required. */
export function whyNoModel(): string | undefined {
  const why = look();
  if (why !== undefined && process.env.MULTIFD_NATIVE === 'required')
    throw new Error(`MULTIFD_NATIVE=required, and ${why}`);
  return why;
}

function look(): string | undefined {
  if (cargo(['--version']).status !== 0) return 'no cargo on this machine';
  if (cargo(['fetch', '--locked', '--offline']).status === 0) return undefined;
  return cargo(['fetch', '--locked']).status === 0 ? undefined : 'its crates cannot be fetched';
}

/** Builds the program that replays traces. It takes a minute at first. */
export function buildModel(): void {
  const { status, stderr } = cargo(['build', '--locked', '--quiet', '-p', 'handover-model', '--bins']);
  if (status !== 0) throw new Error(`the model cannot be built: ${stderr}`);
}

/** What the model says of each trace, in their order. @param lines of JSON. */
export function replay(lines: string): readonly string[] {
  const args = ['run', '--locked', '--quiet', '-p', 'handover-model', '--bin', 'replay-traces'];
  const { status, stdout, stderr } = cargo(args, lines);
  if (status !== 0 && status !== 1) throw new Error(`the model did not replay: ${stderr}`);
  return stdout.trimEnd().split('\n');
}
