import { type Command, Option } from '@commander-js/extra-typings';
import type { ExitCode } from '../exit-codes.js';
import { TLS_HELP } from '../help.js';
import { addHelp } from '../help-command.js';
import { parseHost } from '../options/certificate-host.js';

/** The options of `multifd tls`. What it does is loaded when it is asked for. */
export function addTls(program: Command, ended: (code: ExitCode) => void): void {
  const tls = program
    .command('tls')
    .summary('make credentials for TLS')
    .description('Credentials for TLS, in the form that QEMU has')
    .helpCommand(false)
    .exitOverride()
    .addHelpText('after', TLS_HELP);
  tls
    .command('init')
    .description('Make a certificate authority, and a certificate for each end, in a folder')
    .argument('<dir>', 'the folder; nothing that is there is replaced')
    .addOption(
      new Option(
        '--host <name>',
        "a host name or address of the destination, for its certificate; may be repeated (this machine's own are always in it)",
      ).argParser(parseHost),
    )
    .option('--psk', 'make a shared key, keys.psk, instead')
    .option('--json', 'print one JSON document on stdout and nothing else')
    .action(async (dir, options) => ended(await (await import('./tls.js')).tlsInitCommand(dir, options)));
  addHelp(tls);
}
