import type { CommandUnknownOpts } from '@commander-js/extra-typings';
import { MultifdError } from '@multifd/core';
import type { CommanderError } from 'commander';
import { namesOf } from './help-command.js';
import { suggestion } from './options/suggest.js';

/** What commander says of a command line that it did not understand (`error: WHAT`), in the shape of our errors. */
export function usageError(
  error: CommanderError,
  program: CommandUnknownOpts,
  args: readonly string[],
): MultifdError {
  const command = commandFor(program, args);
  const help = `${fullName(command)} --help shows what there is`;
  const what = error.message.replace(/^error: /, '');
  if (error.code === 'commander.optionMissingArgument') {
    // Whatever follows an option is its value: only the last word can lack one.
    return new MultifdError('usage', `${args.at(-1)}: a value is missing`, { hint: help });
  }
  const [, word = ''] = /'([^'=]*)(?:=.*)?'/s.exec(what) ?? [];
  const meant = suggestion(word, candidates(error.code, command));
  return new MultifdError('usage', what, { hint: meant === undefined ? help : `did you mean ${meant}?` });
}

/** What could have been meant. */
function candidates(code: string, command: CommandUnknownOpts): string[] {
  if (code === 'commander.unknownCommand') return namesOf(command);
  if (code !== 'commander.unknownOption') return [];
  const visible = command.createHelp().visibleOptions(command);
  return visible.flatMap(({ short, long }) => [short ?? [], long ?? []].flat());
}

/** The command that `args` name: the deepest one. */
function commandFor(program: CommandUnknownOpts, args: readonly string[]): CommandUnknownOpts {
  let command = program;
  for (const word of args) {
    const next = command.commands.find((each) => each.name() === word);
    if (next !== undefined) command = next;
    else if (!word.startsWith('-')) break;
  }
  return command;
}

function fullName(command: CommandUnknownOpts): string {
  return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`;
}
