import { isForeign as isForeignAccelerator } from '../accelerators/choose.js';
import { isForeign as isForeignCodec } from '../codecs/choose.js';
import type { MigrateFacts } from '../report/migrate-document.js';

/** What took part in a migration and does not come with the command, as it was asked for; undefined: nothing. */
export function foreignCode({ choice, codec }: Pick<MigrateFacts, 'choice' | 'codec'>): string | undefined {
  if (choice !== undefined && isForeignAccelerator(choice)) return choice.requested;
  return codec !== undefined && isForeignCodec(codec) ? codec.requested : undefined;
}
