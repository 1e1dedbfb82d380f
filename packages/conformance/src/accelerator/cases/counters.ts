import assert from 'node:assert/strict';
import type { DetectorCounters } from '@multifd/core/accelerator';
import { type CaseContext, defineCase } from '../case.js';
import { pageOffsets, sharedPages } from '../memory.js';
import { Subject } from '../subject.js';

export const counterCases = [
  defineCase('counters begin at 0, add up to the pages asked, and never fall', addUp),
  defineCase('counters are of one detector alone', ofOne),
];

const NOTHING: DetectorCounters = { device: 0, cpuAfterFault: 0, queueFullRetries: 0, deviceTime: 0 };

async function addUp(context: CaseContext): Promise<void> {
  const subject = await Subject.open(context);
  let before = subject.counters();
  if (before !== undefined)
    assert.deepEqual(before, NOTHING, 'counters of a detector that was asked nothing');
  let asked = 0;
  for (const pages of [0, 1, 3, 130, 64, 1, 500]) {
    await ask(subject, pages);
    asked += pages;
    before = assertCounters(subject, asked, before);
  }
  // As many at a time as it takes.
  const each = Math.min(64, subject.preferredBatch);
  await Promise.all(Array.from({ length: subject.inFlight }, () => ask(subject, each)));
  assertCounters(subject, asked + each * subject.inFlight, before);
  await subject.close();
}

async function ofOne(context: CaseContext): Promise<void> {
  const [first, second] = [await Subject.open(context), await Subject.open(context)];
  await ask(first, 70);
  await ask(second, 5);
  assertCounters(first, 70, undefined);
  assertCounters(second, 5, undefined);
  await first.close();
  await ask(second, 5);
  assertCounters(second, 10, undefined);
  await second.close();
}

async function ask(subject: Subject, pages: number): Promise<void> {
  const memory = sharedPages(Math.max(1, pages), subject.pageSize);
  for (let page = 0; page < pages; page += 2) memory[page * subject.pageSize] = 1;
  if (pages === 0) await subject.detectBatch(memory, []);
  else await subject.detect(memory, pageOffsets(pages, subject.pageSize));
}

/** @returns what it has counted so far. */
function assertCounters(
  subject: Subject,
  asked: number,
  before: DetectorCounters | undefined,
): DetectorCounters | undefined {
  const now = subject.counters();
  if (now === undefined) {
    assert.equal(before, undefined, 'it ceased to count');
    return undefined;
  }
  const { device, cpuAfterFault } = now;
  assert.equal(
    device + cpuAfterFault,
    asked,
    `device ${device} and cpuAfterFault ${cpuAfterFault} are not the ${asked} pages that were asked`,
  );
  for (const name of ['device', 'cpuAfterFault', 'queueFullRetries', 'deviceTime'] as const) {
    assert.ok(now[name] >= (before?.[name] ?? 0), `${name} fell from ${before?.[name]} to ${now[name]}`);
  }
  return now;
}
