import type { Command } from '@commander-js/extra-typings';
import type { ExitCode } from '../exit-codes.js';
import { STORE_HELP } from '../help.js';
import { addHelp } from '../help-command.js';

const JSON_HELP = 'print one JSON document on stdout and nothing else';

/** The commands of `multifd store`. What they do is loaded when it is asked for. */
export function addStore(program: Command, ended: (code: ExitCode) => void): void {
  const store = program
    .command('store')
    .summary('look after a store of guests at rest')
    .description('Look after a store of guests at rest, which receive and migrate call store:DIR#NAME')
    .helpCommand(false)
    .exitOverride()
    .addHelpText('after', STORE_HELP);
  store
    .command('ls')
    .description('List the snapshots of a store')
    .argument('<dir>', 'the store')
    .option('--json', JSON_HELP)
    .action(async (dir, options) => ended(await (await import('./store/look.js')).listCommand(dir, options)));
  store
    .command('show')
    .description('Show what is known of a snapshot')
    .argument('<snapshot>', 'DIR#NAME')
    .option('--json', JSON_HELP)
    .action(async (snapshot, options) =>
      ended(await (await import('./store/look.js')).showCommand(snapshot, options)),
    );
  store
    .command('diff')
    .description('Compare the RAM of two snapshots page by page, and their device state')
    .argument('<from>', 'DIR#NAME')
    .argument('<to>', 'DIR#NAME')
    .option('--json', JSON_HELP)
    .action(async (from, to, options) =>
      ended(await (await import('./store/diff.js')).diffCommand(from, to, options)),
    );
  store
    .command('verify')
    .description('Read all of a store back, and compare every chunk with its hash')
    .argument('<dir>', 'the store')
    .option('--json', JSON_HELP)
    .action(async (dir, options) =>
      ended(await (await import('./store/maintain.js')).verifyCommand(dir, options)),
    );
  store
    .command('rm')
    .description('Remove snapshots; gc frees what they have taken')
    .argument('<snapshots...>', 'DIR#NAME')
    .option('--json', JSON_HELP)
    .action(async (snapshots, options) =>
      ended(await (await import('./store/maintain.js')).removeCommand(snapshots, options)),
    );
  store
    .command('gc')
    .description('Remove what no snapshot needs; nobody else may use the store meanwhile')
    .argument('<dir>', 'the store')
    .option('--json', JSON_HELP)
    .action(async (dir, options) =>
      ended(await (await import('./store/maintain.js')).collectCommand(dir, options)),
    );
  store
    .command('export')
    .description('Write a snapshot to a file that QEMU loads, or to raw images')
    .argument('<snapshot>', 'DIR#NAME')
    .argument('<target>', 'file:FILE or raw:DIR, as of receive')
    .option('--force', 'replace an existing target once the new one is complete')
    .option('--json', JSON_HELP)
    .action(async (snapshot, target, options) =>
      ended(await (await import('./store/transfer.js')).exportCommand(snapshot, target, options)),
    );
  store
    .command('import')
    .description('Take a guest from a file or raw images into a store')
    .argument('<source>', 'file:FILE or raw:DIR, as of migrate')
    .argument('<snapshot>', 'DIR#NAME; the store is made if nothing is there')
    .option('--force', 'replace a snapshot of that name once the new one is complete')
    .option('--json', JSON_HELP)
    .action(async (source, snapshot, options) =>
      ended(await (await import('./store/transfer.js')).importCommand(source, snapshot, options)),
    );
  addHelp(store);
}
