import { MultifdError } from '@multifd/core/codec';
import type { NativeUnpacker } from './binding.js';
import { loadBinding } from './load.js';

/** Unpacks zstd frames, one after the other, with one decoder. */
export interface ZstdFrames {
  /**
   * Fills `into` from whole frames.
   * @returns false if that is not exactly what they give, or they are damaged: `into` holds anything then. Frames that stop
   * before their end may pass: who must know compares a hash.
   */
  unpack(frames: Uint8Array, into: Uint8Array): boolean;
}

/** Undefined where there is no machine code. */
export function zstdFrames(): ZstdFrames | undefined {
  const loaded = loadBinding();
  if (!('binding' in loaded)) return undefined;
  const fresh = (): NativeUnpacker => new loaded.binding.Unpacker('zstd');
  let unpacker = fresh();
  return {
    unpack(frames, into) {
      try {
        unpacker.unpack(frames, [into]);
        return true;
      } catch {
        unpacker.close();
        unpacker = fresh();
        return false;
      }
    },
  };
}

/** Makes zstd frames, one after the other, with one encoder. */
export interface ZstdFramePacker {
  /**
   * Writes one frame of all of `bytes` to the front of `room`.
   * @returns the frame's bytes.
   * @throws MultifdError `usage` if there is no room for it.
   */
  pack(bytes: Uint8Array, room: Uint8Array): number;
}

/** Undefined where there is no machine code. @param level as zstd has them. */
export function zstdFramePacker(level: number): ZstdFramePacker | undefined {
  const loaded = loadBinding();
  if (!('binding' in loaded)) return undefined;
  const packer = new loaded.binding.FramePacker(level);
  return {
    pack(bytes, room) {
      try {
        return packer.pack(bytes, room);
      } catch (cause) {
        throw MultifdError.from(cause, 'usage', 'zstd');
      }
    },
  };
}
