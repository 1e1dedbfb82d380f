/**
 * Bytes as the vector files write them: tokens apart by blanks, each one of
 * `00ff` hex, `00*28` hex repeated, `"text"` ASCII, `$name` another entry of the file's `parts`.
 */
export function toBytes(notation: string, parts: Readonly<Record<string, string>> = {}): Uint8Array {
  const bytes: number[] = [];
  for (const token of notation.match(/"[^"]*"|\S+/g) ?? []) bytes.push(...tokenBytes(token, parts));
  return Uint8Array.from(bytes);
}

function tokenBytes(token: string, parts: Readonly<Record<string, string>>): Iterable<number> {
  if (token.startsWith('"')) return Buffer.from(token.slice(1, -1), 'ascii');
  if (token.startsWith('$')) {
    const part = parts[token.slice(1)];
    if (part === undefined) throw new Error(`vector: no part ${token}`);
    return toBytes(part, parts);
  }
  const [digits, count = '1'] = token.split('*');
  if (!/^([0-9a-f]{2})+$/i.test(digits) || !/^\d+$/.test(count))
    throw new Error(`vector: bad token ${token}`);
  return Buffer.from(digits.repeat(Number(count)), 'hex');
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
