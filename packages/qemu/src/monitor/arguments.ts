import { isObject, type JsonObject } from '../json.js';
import { Refusal } from './refusal.js';
import { shown } from './request.js';

/** Reads a command's arguments one by one; `end` refuses what nobody has asked for. Messages are QEMU's. */
export class Arguments {
  readonly #given: JsonObject;
  /** Of the object that holds them, as `capabilities[0].`; empty for the command's own. */
  readonly #path: string;
  readonly #known = new Set<string>();

  constructor(given: JsonObject, path = '') {
    this.#given = given;
    this.#path = path;
  }

  /** @throws Refusal as all of these, with the argument's name. */
  string(name: string): string | undefined {
    const value = this.#take(name);
    if (value === undefined || typeof value === 'string') return value;
    throw this.#wrongType(name, 'string');
  }

  boolean(name: string): boolean | undefined {
    const value = this.#take(name);
    if (value === undefined || typeof value === 'boolean') return value;
    throw this.#wrongType(name, 'boolean');
  }

  /**
   * A whole number.
   * @param expects words for the range, which follow "expects"; QEMU has them for each parameter.
   */
  whole(name: string, min: number, max: number, expects: string): number | undefined {
    const value = this.#take(name);
    if (value === undefined) return undefined;
    if (typeof value !== 'number' || !Number.isSafeInteger(value))
      throw new Refusal(`Parameter '${this.#path}${name}' expects uint64`);
    if (value >= min && value <= max) return value;
    // QEMU checks the range under the name that the parameter has in C.
    throw new Refusal(`Parameter '${name.replaceAll('-', '_')}' expects ${expects}`);
  }

  /** A whole number of 64 bits. What is more than a number can hold exactly counts as the most that it can. */
  uint64(name: string): number | undefined {
    const value = this.#take(name);
    if (value === undefined) return undefined;
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 2 ** 64)
      return Math.min(value, Number.MAX_SAFE_INTEGER);
    throw new Refusal(`Parameter '${this.#path}${name}' expects uint64`);
  }

  /** As `whole`, of a parameter that is a byte in QEMU. */
  byte(name: string, min: number, max: number, expects: string): number | undefined {
    const value = this.whole(name, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, expects);
    if (value === undefined) return undefined;
    if (value < 0 || value > 255) throw new Refusal(`Parameter '${this.#path}${name}' expects uint8_t`);
    return this.whole(name, min, max, expects);
  }

  /** One word of a closed list. */
  oneOf<T extends string>(name: string, words: readonly T[]): T | undefined {
    const value = this.string(name);
    if (value === undefined) return undefined;
    const found = words.find((word) => word === value);
    if (found !== undefined) return found;
    throw new Refusal(`Parameter '${name}' does not accept value '${shown(value)}'`);
  }

  /** A list of words. */
  strings(name: string): readonly string[] | undefined {
    const value = this.#take(name);
    if (value === undefined) return undefined;
    if (!Array.isArray(value)) throw this.#wrongType(name, 'array');
    return value.map((each: unknown, index) => {
      if (typeof each === 'string') return each;
      throw this.#wrongType(`${name}[${index}]`, 'string');
    });
  }

  /** A list of objects. */
  objects(name: string): readonly Arguments[] | undefined {
    const value = this.#take(name);
    if (value === undefined) return undefined;
    if (!Array.isArray(value)) throw this.#wrongType(name, 'array');
    return value.map((each: unknown, index) => {
      const path = `${name}[${index}]`;
      if (!isObject(each)) throw this.#wrongType(path, 'object');
      return new Arguments(each, `${this.#path}${path}.`);
    });
  }

  object(name: string): Arguments | undefined {
    const value = this.#take(name);
    if (value === undefined) return undefined;
    if (!isObject(value)) throw this.#wrongType(name, 'object');
    return new Arguments(value, `${this.#path}${name}.`);
  }

  /** @throws Refusal if an argument's `value` is not there. */
  need<T>(name: string, value: T | undefined): T {
    if (value === undefined) throw new Refusal(`Parameter '${this.#path}${name}' is missing`);
    return value;
  }

  /** @throws Refusal for an argument that was not read. */
  end(): void {
    const other = Object.keys(this.#given).find((name) => !this.#known.has(name));
    if (other !== undefined) throw new Refusal(`Parameter '${this.#path}${shown(other)}' is unexpected`);
  }

  #take(name: string): unknown {
    this.#known.add(name);
    return Object.hasOwn(this.#given, name) ? this.#given[name] : undefined;
  }

  #wrongType(name: string, expected: string): Refusal {
    return new Refusal(`Invalid parameter type for '${this.#path}${name}', expected: ${expected}`);
  }
}
