import { MultifdError } from '@multifd/core';
import type { FinalName } from './final-name.js';
import type { Stranded } from './incoming-target.js';
import type { OwnFile } from './own-file.js';

export function strandedOf(
  images: readonly { readonly file: OwnFile; readonly name: FinalName }[],
): Stranded {
  return {
    paths: images.map(({ file }) => file.path),
    replaced: images.flatMap(({ name }) => name.replaced ?? []),
  };
}

export function strandedWords({ paths, replaced }: Stranded): string {
  const also = replaced.length === 0 ? '' : `; what that has replaced is ${replaced.join(', ')}`;
  return `what has come of the guest stays in ${paths.join(', ')}${also}`;
}

/** What ended a migration, with what stays of its guest. */
export function withStranded(error: unknown, stranded: Stranded | undefined): unknown {
  if (stranded === undefined || !MultifdError.is(error)) return error;
  const words = strandedWords(stranded);
  const { message, hint, guest, cause } = error;
  // A guest has come, so the command line was right: what is wrong with the place now is a failure.
  const code = error.code === 'usage' ? 'io' : error.code;
  return new MultifdError(code, message, {
    cause,
    hint: hint === undefined ? words : `${hint}; ${words}`,
    ...(guest === undefined ? {} : { guest }),
  });
}
