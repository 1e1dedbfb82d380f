import { Argument, type CommandUnknownOpts } from '@commander-js/extra-typings';
import type { Settings } from '@multifd/core';
import { SCENARIOS } from '../bench/scenarios.js';
import { CODECS } from '../codecs/choose.js';
import { COMPLETION_HELP } from '../help.js';
import { parseOneOf } from '../options/one-of.js';
import { type Candidates, candidates, type Values } from './candidates.js';
import { BASH } from './shells/bash.js';
import { FISH } from './shells/fish.js';
import { ZSH } from './shells/zsh.js';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
const SCRIPTS = { bash: BASH, zsh: ZSH, fish: FISH };

/** What the shell is to do besides, as cobra's scripts have it: no space behind the word, no files. Both are added up. */
const NO_SPACE = 2;
const NO_FILES = 4;

const ADDRESS = ['tcp:', 'unix:'];
const ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  'migrate source': ['demo:', 'raw:', 'file:', 'store:'],
  'migrate destination': ['loopback', ...ADDRESS],
  'receive listen': ADDRESS,
  'receive target': ['memory:', 'file:', 'raw:', 'core:', 'store:'],
  'export target': ['file:', 'raw:'],
  'import source': ['file:', 'raw:'],
  'convert source': ['file:', 'raw:', 'store:'],
  'convert target': ['core:'],
  'relay listen': ADDRESS,
  'relay destination': ADDRESS,
  'completion shell': SHELLS,
};

/** Adds `completion SHELL`, which prints a script, and `complete`, which the script asks for every word. */
export function addCompletion(program: CommandUnknownOpts): void {
  program
    .command('completion')
    .summary('print the script that completes this command in a shell')
    .description('Print the script with which a shell completes this command')
    .addArgument(
      new Argument('<shell>', SHELLS.join(', ')).argParser((text) => parseOneOf(text, 'the shell', SHELLS)),
    )
    .addHelpText('after', COMPLETION_HELP)
    .action((shell) => {
      process.stdout.write(SCRIPTS[shell]);
    });
  program
    .command('complete', { hidden: true })
    .argument('[words...]')
    .allowUnknownOption()
    .action(async (words) => {
      const found = candidates(program, words, await valuesFor(words));
      process.stdout.write(answer(found));
    });
}

/** The names of accelerators are known when their modules are loaded, which takes a moment: only if they are asked for. */
async function valuesFor(words: readonly string[]): Promise<Values> {
  const isAsked = words.slice(-2).some((word) => /^--accel(=|$)/.test(word));
  const typed = (words.at(-1) ?? '').replace(/^--accel=/, '');
  const accel = isAsked ? ['auto', ...acceleratorWords(await accelerators(), typed)] : [];
  const options = new Map<string, readonly string[]>([
    ['accel', accel],
    ['scenario', SCENARIOS],
    ['multifdCompression', CODECS],
    ['outgoingMultifdCompression', CODECS],
  ]);
  return { options: (name) => options.get(name), arguments: (name) => ARGUMENTS[name] };
}

async function accelerators(): Promise<ReadonlyMap<string, Settings>> {
  const { knownAccelerators } = await import('../accelerators/choose.js');
  return knownAccelerators().settings();
}

/** Their names; and the keys of their settings, each behind what is typed of the ones before it. */
export function acceleratorWords(known: ReadonlyMap<string, Settings>, typed: string): readonly string[] {
  const behind = [...known].flatMap(([name, settings]) => {
    if (!typed.startsWith(`${name}:`)) return [];
    const before = typed.slice(0, Math.max(name.length, typed.lastIndexOf(',')) + 1);
    return Object.keys(settings).map((key) => `${before}${key}=`);
  });
  return [...known.keys(), ...behind];
}

/** In the shape that the scripts read: a word and its help on each line, then what the shell is to do. */
function answer({ words, open, files }: Candidates): string {
  const directive = (open ? NO_SPACE : 0) | (files ? 0 : NO_FILES);
  const lines = words.map(({ word, help }) => `${word}\t${help}`);
  return `${[...lines, `:${directive}`].join('\n')}\n`;
}
