/** A save image of libvirt up to its stream, as libvirt writes it: header, XML, NULs to edit the XML in. */
export function libvirtFront(
  format: number,
  { magic = 'LibvirtQemudSave', version = 2, running = 1, length = 70_000, little = true } = {},
): Uint8Array {
  const bytes = new Uint8Array(92 + Math.min(Math.max(length, 100), 2 ** 20));
  const view = new DataView(bytes.buffer);
  bytes.set(Buffer.from(magic, 'latin1'));
  for (const [index, value] of [version, length, running, format].entries()) {
    view.setUint32(16 + 4 * index, value, little);
  }
  bytes.set(Buffer.from('<domstatus><domain type="kvm"/></domstatus>\0'), 92);
  return bytes;
}
