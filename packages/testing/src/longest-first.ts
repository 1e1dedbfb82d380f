import { BaseSequencer, type TestSequencerConstructor, type TestSpecification } from 'vitest/node';

/**
 * A sequencer for `test.sequence`: these files begin first, in this order, and others after them. vitest has no durations in a
 * fresh clone and begins with the largest files; a small one that takes long then runs on alone at the end.
 * @param files the longest first, by the ends of their paths: `e2e/host.test.ts`.
 */
export function longestFirst(files: readonly string[]): TestSequencerConstructor {
  return class extends BaseSequencer {
    override async sort(given: TestSpecification[]): Promise<TestSpecification[]> {
      return inOrder(files, await super.sort(given));
    }
  };
}

/** Those of `given` that `files` name, in that order; behind them the others, as they were. */
export function inOrder<T extends { readonly moduleId: string }>(
  files: readonly string[],
  given: readonly T[],
): T[] {
  const place = ({ moduleId }: T): number => {
    const at = files.findIndex((file) => moduleId.endsWith(`/${file}`));
    return at < 0 ? files.length : at;
  };
  return given.toSorted((a, b) => place(a) - place(b));
}
