#!/usr/bin/env node
/**
 * The command's entry. It imports nothing before it has looked at Node's version: what it would import does not even load
 * in an older one.
 */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
// As `engines` of package.json has it; a test compares them.
if ((major === 22 && minor >= 15) || major >= 24) {
  // First and alone: the rest takes longer to load.
  const { ignoreInherited } = await import('./inherited-signals.js');
  ignoreInherited();
  await import('./main.js');
} else {
  const error = `Node ${process.versions.node} cannot run this: use Node 24 or newer, or 22 from 22.15 on`;
  const hint = 'see which one runs with `node --version`';
  if (process.argv.includes('--json')) {
    // The members that every failed command has: a script relies on a document whatever happens.
    const command = process.argv[2] ?? null;
    const failure = { status: 'failed', 'error-class': 'host-unavailable', 'error-desc': error, hint };
    process.stdout.write(`${JSON.stringify({ 'schema-version': 1, command, ...failure }, null, 2)}\n`);
  }
  process.stderr.write(`multifd: ${error}\nhint: ${hint}\n`);
  // As for whatever else is not available here.
  process.exitCode = 3;
}
