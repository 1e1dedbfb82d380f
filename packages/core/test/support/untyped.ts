/** A copy with one member as a program without types can give it. */
export function altered<T extends object>(base: T, member: string, value: unknown): T {
  const copy = { ...base };
  Reflect.set(copy, member, value);
  return copy;
}
