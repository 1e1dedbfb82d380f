/** 16 bytes as text: `550e8400-e29b-41d4-a716-446655440000`. */
export function uuidText(uuid: Uint8Array): string {
  const text = Buffer.from(uuid).toString('hex');
  return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join(
    '-',
  );
}

export function uuidBytes(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll('-', ''), 'hex'));
}
