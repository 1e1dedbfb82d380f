import { MultifdError } from '@multifd/core';
import type { DeviceStruct, DeviceValue } from '../inspect/values.js';

/** Deeper than the structs around a device's PCI configuration. */
const MAX_DEPTH = 8;

/** Reads the fields of one device, and says which device it was if one is not as QEMU has it. */
export class Fields {
  readonly #device: string;
  readonly #struct: DeviceStruct;

  /** @param device for messages. */
  constructor(device: string, struct: DeviceStruct) {
    this.#device = device;
    this.#struct = struct;
  }

  /** A number of at most 64 bits, unsigned. @throws MultifdError `incompatible` */
  number(name: string): bigint {
    const value = unsigned(this.#struct[name]);
    if (value === undefined) throw this.#fault(name, 'a number');
    return value;
  }

  /** 0 if there is no such field: a QEMU for 32-bit guests leaves some out. */
  numberOrZero(name: string): bigint {
    return this.#struct[name] === undefined ? 0n : this.number(name);
  }

  /** @throws MultifdError `incompatible` */
  numbers(name: string): bigint[] {
    return this.#list(name).map((value) => {
      const number = unsigned(value);
      if (number === undefined) throw this.#fault(name, 'numbers');
      return number;
    });
  }

  /** @throws MultifdError `incompatible` */
  struct(name: string): Fields {
    const value = this.#struct[name];
    if (!isStruct(value)) throw this.#fault(name, 'a struct');
    return new Fields(`${this.#device}, ${name}`, value);
  }

  /** @throws MultifdError `incompatible` */
  structs(name: string): Fields[] {
    return this.#list(name).map((value, index) => {
      if (!isStruct(value)) throw this.#fault(name, 'structs');
      return new Fields(`${this.#device}, ${name}[${index}]`, value);
    });
  }

  #list(name: string): readonly DeviceValue[] {
    const value = this.#struct[name];
    if (!Array.isArray(value)) throw this.#fault(name, 'an array');
    return value;
  }

  #fault(name: string, expected: string): MultifdError {
    return new MultifdError('incompatible', `device ${this.#device}: field ${name} is not ${expected}`, {
      hint: 'this version does not know the device as the QEMU that wrote it has it',
    });
  }
}

export function isStruct(value: DeviceValue | undefined): value is DeviceStruct {
  return typeof value === 'object' && !Array.isArray(value);
}

/** Bytes that stand as hex in a device. */
export function bytesOf(value: DeviceValue | undefined): Uint8Array | undefined {
  if (typeof value !== 'string' || !/^(?:[0-9a-f]{2})+$/.test(value)) return undefined;
  return new Uint8Array(Buffer.from(value, 'hex'));
}

/** A device's PCI configuration: the first `config` of at least 64 bytes in it. */
export function pciConfigOf(struct: DeviceStruct, depth = 0): Uint8Array | undefined {
  for (const [name, value] of Object.entries(struct)) {
    const config = name === 'config' || name === 'config[0]' ? bytesOf(value) : undefined;
    if (config !== undefined && config.length >= 64) return config;
    const inside = isStruct(value) && depth < MAX_DEPTH ? pciConfigOf(value, depth + 1) : undefined;
    if (inside !== undefined) return inside;
  }
  return undefined;
}

function unsigned(value: DeviceValue | undefined): bigint | undefined {
  if (typeof value === 'number') return BigInt.asUintN(64, BigInt(value));
  if (typeof value === 'string' && /^(?:0x[0-9a-f]{1,16}|-?\d{1,20})$/.test(value))
    return BigInt.asUintN(64, BigInt(value));
  return undefined;
}
