import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { type MethodOptions, methodsOf } from '@multifd/core/codec';

export type CodecName = 'zlib' | 'zstd';

const resolve = createRequire(import.meta.url).resolve;

/** URL of the module that brings a method of QEMU's. */
export const CODEC_MODULES: Readonly<Record<CodecName, string>> = {
  zlib: pathToFileURL(resolve('@multifd/codec-zlib')).href,
  zstd: pathToFileURL(resolve('@multifd/codec-zstd')).href,
};

/** QEMU's range of levels: lowest, default, highest. */
export const LEVELS: Readonly<Record<CodecName, readonly number[]>> = { zlib: [0, 1, 9], zstd: [0, 1, 20] };

/** Why a codec cannot run on this machine; undefined if it can. */
export async function whyNot(name: CodecName): Promise<string | undefined> {
  const [method] = await methodsOf(CODEC_MODULES[name]);
  const probe = await method?.probe();
  return probe?.ok === true ? undefined : (probe?.reason ?? 'no method');
}

/** A level under QEMU's name, for both ends. */
export function levelSetting(
  name: CodecName,
  level: number,
): MethodOptions['settings'] & Record<string, number> {
  return { [`multifd-${name}-level`]: level };
}
