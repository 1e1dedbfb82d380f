/** A registry on loopback: Verdaccio, which passes on what is not ours to the registry that npm uses here. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

/** ms until it must answer. */
const PATIENCE = 60_000;

/** @returns `env`, with which npm uses it; `stop`, which ends it. */
export async function startRegistry(folder) {
  mkdirSync(folder, { recursive: true });
  // node-fetch: what 6.8.0 asks for is not to be had everywhere.
  const manifest = {
    private: true,
    dependencies: { verdaccio: '6.8.0' },
    overrides: { 'node-fetch': '2.7.0' },
  };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  const quiet = { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] };
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error'], quiet);
  const beyond = execFileSync('npm', ['config', 'get', 'registry'], { cwd: folder, encoding: 'utf8' }).trim();
  const port = await freePort();
  const address = `http://127.0.0.1:${port}/`;
  const config = {
    storage: join(folder, 'storage'),
    uplinks: { beyond: { url: beyond } },
    packages: {
      '@multifd/*': { access: '$all', publish: '$all' },
      '**': { access: '$all', proxy: 'beyond' },
    },
    max_body_size: '100mb',
    log: { type: 'stdout', format: 'pretty', level: 'error' },
  };
  writeFileSync(join(folder, 'config.yaml'), JSON.stringify(config));
  // npm does not publish without a token, and this registry asks for none.
  const userConfig = join(folder, 'npmrc');
  writeFileSync(
    userConfig,
    `registry=${address}\n//127.0.0.1:${port}/:_authToken=none\ncache=${join(folder, 'cache')}\n`,
  );
  const args = [
    join(folder, 'node_modules/verdaccio/bin/verdaccio'),
    '--config',
    join(folder, 'config.yaml'),
  ];
  const server = spawn(process.execPath, [...args, '--listen', `127.0.0.1:${port}`], {
    cwd: folder,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const env = { ...process.env, NPM_CONFIG_USERCONFIG: userConfig };
  // pnpm and npx set these for what they start: they would decide over the file.
  for (const name of Object.keys(env))
    if (/^npm_config_(registry|cache|userconfig)$/.test(name)) delete env[name];
  const stop = async () => {
    if (server.exitCode === null && server.kill()) await once(server, 'exit');
  };
  try {
    await answers(address, server);
  } catch (error) {
    await stop();
    throw error;
  }
  return { env, stop };
}

async function answers(address, server) {
  for (const end = Date.now() + PATIENCE; Date.now() < end; ) {
    if (server.exitCode !== null) throw new Error(`verdaccio ended with code ${server.exitCode}`);
    try {
      if ((await fetch(`${address}-/ping`)).ok) return;
    } catch {
      // It does not listen yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('verdaccio does not answer');
}

/**
 * A port on which nothing listens. Not one of those that the system gives to outgoing connections (from 32768 on): one of
 * them could take it before the registry listens.
 */
async function freePort() {
  for (let tries = 0; tries < 100; tries++) {
    const server = createServer();
    const isFree = once(server, 'listening').then(
      () => true,
      () => false,
    );
    server.listen(20_000 + Math.floor(Math.random() * 10_000), '127.0.0.1');
    if (!(await isFree)) continue;
    const { port } = server.address();
    server.close();
    await once(server, 'close');
    return port;
  }
  throw new Error('no port is free');
}
