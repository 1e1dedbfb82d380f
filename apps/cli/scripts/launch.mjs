// What `pnpm cli …` runs: builds what has changed, then becomes the command. Plain JavaScript that Node 20 can run.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
/** ms after which somebody who waits wants to know what for. */
const PATIENCE = 1000;

const built = await build();
if (built === 0) await runCommand();
else process.exitCode = built;

/** Builds the command and what it needs; turbo knows what has changed. Silent unless it fails or takes long. */
async function build() {
  const slow = setTimeout(() => process.stderr.write('multifd: building…\n'), PATIENCE);
  const args = ['run', 'build', '--filter=@multifd/cli...', '--output-logs=errors-only', '--log-prefix=none'];
  const { file, first } = turbo();
  const child = spawn(file, [...first, ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      // Inside `pnpm run` this is so anyway; called directly, the build still gets the workspace's Node.
      PATH: `${join(ROOT, 'node_modules', '.bin')}${process.platform === 'win32' ? ';' : ':'}${process.env.PATH ?? ''}`,
      TURBO_TELEMETRY_DISABLED: '1',
      TURBO_NO_UPDATE_NOTIFIER: '1',
    },
  });
  const output = [];
  child.stdout.on('data', (chunk) => output.push(chunk));
  child.stderr.on('data', (chunk) => output.push(chunk));
  const code = await ended(child);
  clearTimeout(slow);
  if (code !== 0) {
    process.stderr.write(Buffer.concat(output));
    // turbo asks pnpm for the workspace's packages.
    const how = process.env.npm_execpath === undefined ? 'run it as `npx -y pnpm@12 cli`' : 'see above';
    process.stderr.write(`multifd: the build failed\nhint: ${how}\n`);
  }
  return code;
}

/** turbo's own program where it can be found: its JavaScript wrapper would cost the start of another Node. */
function turbo() {
  const wrapper = join(ROOT, 'node_modules', 'turbo', 'bin', 'turbo');
  try {
    const require = createRequire(join(ROOT, 'node_modules', 'turbo', 'package.json'));
    const os = process.platform === 'win32' ? 'windows' : process.platform;
    const arch = process.arch === 'x64' ? '64' : process.arch;
    const folder = dirname(require.resolve(`@turbo/${os}-${arch}/package.json`));
    const program = join(folder, 'bin', os === 'windows' ? 'turbo.exe' : 'turbo');
    if (existsSync(program)) return { file: program, first: [] };
  } catch {
    // The wrapper says better than we could what is wrong.
  }
  return { file: process.execPath, first: [wrapper] };
}

async function runCommand() {
  if (canRunIt(process.versions.node)) {
    // In this very process: signals, terminal and exit code are then the command's own.
    process.argv[1] = CLI;
    await import(pathToFileURL(CLI).href);
    return;
  }
  const node = join(ROOT, 'node_modules', '.bin', 'node');
  const child = spawn(node, [CLI, ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  process.exitCode = await ended(child);
}

/** As `engines` of the command has it. */
function canRunIt(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return (major === 22 && minor >= 15) || major >= 24;
}

/** The exit code, as a shell has it for a program that a signal ended. */
function ended(child) {
  return new Promise((resolve) => {
    child.once('error', (error) => {
      process.stderr.write(`multifd: ${error.message}\n`);
      resolve(1);
    });
    child.once('exit', (code, signal) => resolve(code ?? 128 + (constants.signals[signal] ?? 0)));
  });
}
