import type { CommandUnknownOpts } from '@commander-js/extra-typings';
import { MultifdError } from '@multifd/core';
import { didYouMean } from './options/suggest.js';

/** Adds `help [command]`: the same as `[command] --help`. */
export function addHelp(parent: CommandUnknownOpts): void {
  parent
    .command('help')
    .summary('show how a command is used')
    .description('Show how a command is used: the same as its --help')
    .argument('[command...]', 'its name, as in help accel bench')
    .action((names) => {
      names.reduce(subcommand, parent).outputHelp();
    });
}

/** @throws MultifdError `usage` if `command` has none of this name. */
function subcommand(command: CommandUnknownOpts, name: string): CommandUnknownOpts {
  const found = command.commands.find((each) => each.name() === name);
  if (found !== undefined) return found;
  throw new MultifdError('usage', `unknown command '${name}'`, {
    hint: didYouMean(name, namesOf(command), 'multifd --help shows what there is'),
  });
}

/** What may stand behind `command`. */
export function namesOf(command: CommandUnknownOpts): string[] {
  return command.commands.map((each) => each.name());
}
