import { MultifdError } from '@multifd/core';
import { expect } from 'vitest';

/** What a call throws; every refusal is a MultifdError of one line. */
export function refusal(call: () => unknown): MultifdError {
  try {
    call();
  } catch (error) {
    if (!MultifdError.is(error)) throw error;
    expect(error.message).not.toContain('\n');
    return error;
  }
  throw new Error('it was accepted');
}
