import type { CommandUnknownOpts, Option } from '@commander-js/extra-typings';

/** What a word on the command line may become. */
export interface Candidates {
  readonly words: readonly { readonly word: string; readonly help: string }[];
  /** More is to follow, as behind `tcp:` and `key=`: the shell adds no space. */
  readonly open: boolean;
  /** It may be a path too. */
  readonly files: boolean;
}

/** Values of what commander does not know values of. */
export interface Values {
  /** By an option's name as commander has it: `accel`. */
  options(name: string): readonly string[] | undefined;
  /** By a command and its argument: `migrate source`. */
  arguments(name: string): readonly string[] | undefined;
}

/** @param words behind the command's own name; the last is being typed. */
export function candidates(
  program: CommandUnknownOpts,
  words: readonly string[],
  values: Values,
): Candidates {
  const typed = words.at(-1) ?? '';
  const { command, option, position } = place(program, words.slice(0, -1));
  if (option !== undefined) return valuesOf(option, values, typed);
  const [, name, given] = /^(--[^=]+)=(.*)$/s.exec(typed) ?? [];
  if (name !== undefined && given !== undefined) {
    const meant = find(command, name);
    return meant === undefined ? NOTHING : valuesOf(meant, values, given, `${name}=`);
  }
  if (typed.startsWith('-')) return matching(flags(command), typed, false);
  if (command.name() === 'help' && command.parent !== null) {
    const named = words.slice(words.indexOf('help') + 1, -1);
    const asked = named.reduce<CommandUnknownOpts | undefined>(below, command.parent);
    return asked === undefined ? NOTHING : matching(subcommands(asked), typed, false);
  }
  const named = subcommands(command);
  if (named.length > 0) return matching(named, typed, false);
  const argument = command.registeredArguments[position];
  if (argument === undefined) return NOTHING;
  const known = values.arguments(`${command.name()} ${argument.name()}`);
  // A file, or an image behind its prefix.
  const files = known === undefined || known.some((value) => value.endsWith(':'));
  return chosen(known ?? [], typed, '', files);
}

const NOTHING: Candidates = { words: [], open: false, files: false };

function below(command: CommandUnknownOpts | undefined, name: string): CommandUnknownOpts | undefined {
  return command?.commands.find((each) => each.name() === name);
}

function subcommands(command: CommandUnknownOpts): Candidates['words'] {
  const visible = command.createHelp().visibleCommands(command);
  return visible.map((each) => ({ word: each.name(), help: each.summary() || each.description() }));
}

/** Where the last word stands. */
function place(program: CommandUnknownOpts, before: readonly string[]) {
  let command = program;
  let position = 0;
  let option: Option | undefined;
  for (const word of before) {
    if (option !== undefined) {
      option = undefined;
      continue;
    }
    if (word.startsWith('-')) {
      const found = find(command, word);
      option = found?.required === true ? found : undefined;
      continue;
    }
    const next = below(command, word);
    if (next === undefined) position++;
    else command = next;
  }
  return { command, option, position };
}

function find(command: CommandUnknownOpts, flag: string): Option | undefined {
  return command.options.find(({ short, long }) => flag === short || flag === long);
}

function flags(command: CommandUnknownOpts): Candidates['words'] {
  const options = command.createHelp().visibleOptions(command);
  return options.flatMap(({ short, long, description: help }) =>
    [short ?? [], long ?? []].flat().map((word) => ({ word, help })),
  );
}

function valuesOf(option: Option, values: Values, typed: string, before = ''): Candidates {
  const own = option.argChoices;
  if (own !== undefined) return chosen(own, typed, before, false);
  const known = values.options(option.attributeName());
  // A module may be meant, or what its help calls a path.
  return chosen(known ?? [], typed, before, known !== undefined || /<(dir|file)>/.test(option.flags));
}

function chosen(values: readonly string[], typed: string, before: string, files: boolean): Candidates {
  const all = values.map((value) => ({ word: `${before}${value}`, help: '' }));
  return matching(all, `${before}${typed}`, files);
}

function matching(all: Candidates['words'], typed: string, files: boolean): Candidates {
  const words = all.filter(({ word }) => word.startsWith(typed));
  return { words, open: words.some(({ word }) => /[:=]$/.test(word)), files };
}
