#!/usr/bin/env node
/**
 * The command's entry. It imports nothing before it has looked at Node's version: what it would import does not even load
 * in an older one.
 */
const OLDEST = [26, 6] as const;

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) {
  // First and alone: the rest takes longer to load.
  const { ignoreInherited } = await import('./inherited-signals.js');
  ignoreInherited();
  await import('./main.js');
} else {
  process.stderr.write(
    `multifd: Node ${process.versions.node} is too old, ${OLDEST.join('.')} or newer is needed\nhint: see which one runs with \`node --version\`\n`,
  );
  // As for whatever else is not available here.
  process.exitCode = 3;
}
