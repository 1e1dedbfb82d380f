/** What people with one Node do with a release. Runs as a thread, so that several Nodes are tried at a time. */
import { join } from 'node:path';
import { workerData } from 'node:worker_threads';
import { checkBundlers } from './bundlers.mjs';
import { checkGlobal, checkInstalled, checkTypes } from './consumers.mjs';
import { nodeOf } from './nodes.mjs';
import { checkGuides, checkLiveVm } from './readers.mjs';

const { line, folder, copy, packages, env, also } = workerData;
const node = nodeOf(line, join(folder, 'node'));

checkInstalled(node, join(folder, 'each'), packages, env, also.includes('slow examples'));
checkGlobal(node, join(folder, 'global'), env);
if (also.includes('guides')) {
  checkGuides(node, join(folder, 'guides'), copy, env);
  checkLiveVm(node, join(folder, 'live-vm'), copy, env);
}
if (also.includes('bundlers')) checkBundlers(node, join(folder, 'bundlers'), env);
if (also.includes('types')) checkTypes(node, join(folder, 'types'), packages, env);
