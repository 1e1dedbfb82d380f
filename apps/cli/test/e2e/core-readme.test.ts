import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';

/** Inside this package, so that the examples find `@multifd/core` and an accelerator as a user's program does. */
const HERE = fileURLToPath(new URL('.', import.meta.url));
const TSC = fileURLToPath(new URL('../../../../node_modules/typescript/bin/tsc', import.meta.url));
const README = fileURLToPath(new URL('../../../../packages/core/README.md', import.meta.url));

let folder: string | undefined;

afterEach(() => {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

test("both sides of core's README run as they stand", async () => {
  const readme = readFileSync(README, 'utf8');
  folder = mkdtempSync(join(HERE, 'readme-'));
  const port = await freePort();
  const destination = example(readme, 'destination', port, folder);
  const source = example(readme, 'source', port, folder);

  const receiving = run(destination);
  await receiving.says('listening on tcp:127.0.0.1:');
  const sending = run(source);
  expect(await sending.code).toBe(0);
  expect(await receiving.code).toBe(0);

  expect(sending.output()).toContain('completed: 1 normal and 16383 zero pages');
  expect(receiving.output()).toContain('vm.ram: 67108864 bytes');
  // 'hello', as the bytes that they are.
  expect(receiving.output()).toMatch(/memory starts with.*104,\s*101,\s*108,\s*108,\s*111/s);
}, 60_000);

test("core's README compiles with the strictest options", () => {
  const readme = readFileSync(README, 'utf8');
  folder = mkdtempSync(join(HERE, 'readme-'));
  for (const name of ['destination', 'source', 'tls'])
    writeFileSync(join(folder, `${name}.mts`), code(readme, name));
  // `tsc --init` turns the first on.
  const flags = ['--noUncheckedIndexedAccess', '--exactOptionalPropertyTypes'];
  const program = ['--strict', '--noEmit', '--target', 'es2024', '--module', 'nodenext', '--types', 'node'];
  const files = ['destination', 'source', 'tls'].map((name) => join(String(folder), `${name}.mts`));
  const { status, stdout } = spawnSync(
    process.execPath,
    [TSC, ...program, ...flags, '--ignoreConfig', ...files],
    { cwd: HERE, encoding: 'utf8' },
  );
  expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
}, 60_000);

test("each side of core's README has ten lines or fewer", () => {
  const readme = readFileSync(README, 'utf8');
  for (const side of ['destination', 'source']) {
    const lines = code(readme, side)
      .split('\n')
      .filter((line) => line.trim() !== '');
    expect(lines.length).toBeLessThanOrEqual(10);
  }
});

function code(readme: string, side: string): string {
  const found = new RegExp(`\`\`\`ts ${side}\n([\\s\\S]*?)\`\`\``).exec(readme)?.[1];
  if (found === undefined) throw new Error(`the README has no example called ${side}`);
  return found;
}

function example(readme: string, side: string, port: number, into: string): string {
  const file = join(into, `${side}.mts`);
  writeFileSync(file, code(readme, side).replace('tcp:127.0.0.1:4444', `tcp:127.0.0.1:${port}`));
  return file;
}

function run(file: string): {
  code: Promise<number | null>;
  output(): string;
  says(text: string): Promise<void>;
} {
  const child: ChildProcess = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
  });
  return {
    code: new Promise((resolve) => child.once('close', resolve)),
    output: () => output,
    says: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (output.includes(text)) resolve();
        };
        child.stdout?.on('data', look);
        child.once('close', () => reject(new Error(`ended without saying ${text}: ${output}`)));
        look();
      }),
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(address !== null && typeof address === 'object' ? address.port : 0));
    });
  });
}
