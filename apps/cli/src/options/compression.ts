import { methods as zlib } from '@multifd/codec-zlib';
import { methods as zstd } from '@multifd/codec-zstd';
import { MultifdError } from '@multifd/core';
import { AUTO, type MethodSetting } from '@multifd/core/codec';
import { parseWhole, quote } from './sizes.js';

/** What the commands are asked for about compression, as commander reads it. */
export interface CompressionOptions {
  /** A method's name, or a module. */
  readonly multifdCompression?: string;
  readonly multifdZlibLevel?: number;
  readonly multifdZstdLevel?: number;
  /** `NAME=VALUE` each. */
  readonly multifdSetting?: readonly string[];
}

/** Settings of methods that were given. */
export type CodecSettings = Readonly<Record<string, number>>;

const ZLIB_LEVEL = levelAmong(zlib, 'multifd-zlib-level');
const ZSTD_LEVEL = levelAmong(zstd, 'multifd-zstd-level');

function levelAmong(
  methods: readonly { readonly settings?: readonly MethodSetting[] }[],
  name: string,
): MethodSetting {
  const found = methods.flatMap(({ settings = [] }) => settings).find((setting) => setting.name === name);
  if (found === undefined) throw new MultifdError('internal', `no method declares ${name}`);
  return found;
}

/** QEMU's range. @throws MultifdError `usage` */
export function parseZlibLevel(text: string): number {
  return parseSetting(ZLIB_LEVEL, text, `--${ZLIB_LEVEL.name}`);
}

/** QEMU's range. @throws MultifdError `usage` */
export function parseZstdLevel(text: string): number {
  return parseSetting(ZSTD_LEVEL, text, `--${ZSTD_LEVEL.name}`);
}

function parseSetting({ least, most }: MethodSetting, text: string, what: string): number {
  return parseWhole(text, what, least, most);
}

/**
 * The settings that were given; the methods know their defaults.
 * @param codec the method that was chosen, and the settings that it declares; `auto` has those of all its methods.
 * @throws MultifdError `usage` for one that the method does not have, or a value out of its range.
 */
export function codecSettings(
  { multifdZlibLevel, multifdZstdLevel, multifdSetting = [] }: CompressionOptions,
  { name: method, declared }: { readonly name: string; readonly declared: readonly MethodSetting[] },
): CodecSettings {
  const levels = [
    { level: multifdZlibLevel, name: ZLIB_LEVEL.name, of: 'zlib' },
    { level: multifdZstdLevel, name: ZSTD_LEVEL.name, of: 'zstd' },
  ].flatMap(({ level, name, of }) => (level === undefined ? [] : [{ level, name, of }]));
  for (const { level, name, of } of levels) {
    // `auto` may have left the method out, as it cannot run here: the level is right all the same.
    if (method === AUTO || declared.some((each) => each.name === name)) continue;
    throw new MultifdError(
      'usage',
      `--${name} ${level}: the compression method is ${quote(method)}, which has no such level`,
      { hint: `give --multifd-compression ${of} (or ${AUTO}) too, or leave the level out` },
    );
  }
  return {
    ...Object.fromEntries(levels.map(({ name, level }) => [name, level])),
    ...Object.fromEntries(multifdSetting.map((text) => givenSetting(text, declared))),
  };
}

function givenSetting(text: string, declared: readonly MethodSetting[]): readonly [string, number] {
  const [, name = text, value = ''] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
  const setting = declared.find((each) => each.name === name);
  if (setting !== undefined) return [name, parseSetting(setting, value, `--multifd-setting ${name}`)];
  const known = declared.map((each) => `${each.name} (${each.least} to ${each.most}: ${each.help})`);
  throw new MultifdError(
    'usage',
    `--multifd-setting ${quote(text)}: the compression method has no such setting`,
    {
      hint: known.length === 0 ? 'it has no settings' : `write NAME=VALUE; it has ${known.join(', ')}`,
    },
  );
}
