import { connect, type Socket } from 'node:net';
import { QmpError } from './error.js';

/** Where a monitor listens: `-qmp unix:PATH,server=on` or `-qmp tcp:HOST:PORT,server=on`. */
export type QmpAddress = { readonly path: string } | { readonly host: string; readonly port: number };

/** @param timeout ms. @throws QmpError `closed` or `timeout`. */
export async function openMonitor(address: QmpAddress, timeout: number): Promise<Socket> {
  const where = formatQmpAddress(address);
  const socket = connect(address);
  const connected = Promise.withResolvers<void>();
  const timer = setTimeout(
    () => connected.reject(new QmpError('timeout', `QMP ${where}: no connection within ${timeout} ms`)),
    timeout,
  );
  const onError = (cause: Error): void =>
    connected.reject(new QmpError('closed', `QMP ${where}: ${cause.message}`, { cause }));
  socket.once('connect', connected.resolve);
  socket.once('error', onError);
  try {
    await connected.promise;
    socket.off('error', onError);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

export function formatQmpAddress(address: QmpAddress): string {
  return 'path' in address ? `unix:${address.path}` : `tcp:${address.host}:${address.port}`;
}
