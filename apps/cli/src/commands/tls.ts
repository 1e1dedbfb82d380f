import { randomBytes } from 'node:crypto';
import { EXIT, type ExitCode, exitCodeOf } from '../exit-codes.js';
import { startNodeThreads } from '../node-threads.js';
import { formatError } from '../report/errors.js';
import { failedCommandDocument } from '../report/failed-document.js';
import { type MadeFiles, makeCertificates } from '../tls/make-files.js';
import { writePrivately } from '../tls/write-folder.js';

export interface TlsInitOptions {
  readonly host?: readonly string[];
  readonly psk?: true;
  readonly json?: true;
}

/** `multifd tls init`: makes what both ends need for TLS. */
export async function tlsInitCommand(dir: string, options: TlsInitOptions): Promise<ExitCode> {
  try {
    // Keys are made by Node's threads.
    startNodeThreads();
    const { files, hosts } = options.psk ? sharedKey() : await makeCertificates(options.host ?? []);
    writePrivately(dir, files);
    if (options.json) process.stdout.write(`${JSON.stringify(document(dir, files, hosts), null, 2)}\n`);
    else process.stdout.write(options.psk ? pskText(dir) : text(dir, hosts));
    return EXIT.done;
  } catch (error) {
    if (options.json)
      process.stdout.write(`${JSON.stringify(failedCommandDocument('tls init', error), null, 2)}\n`);
    process.stderr.write(formatError(error));
    return exitCodeOf(error);
  }
}

function sharedKey(): MadeFiles {
  return { hosts: [], files: { 'keys.psk': `qemu:${randomBytes(32).toString('hex')}\n` } };
}

function document(dir: string, files: MadeFiles['files'], hosts: readonly string[]) {
  return {
    'schema-version': 1,
    command: 'tls init',
    status: 'completed',
    dir,
    files: Object.keys(files),
    hosts,
  };
}

function text(dir: string, hosts: readonly string[]): string {
  return `made in ${dir}, readable by this user only:
  ca-cert.pem                       the authority: on both ends
  server-cert.pem, server-key.pem   the destination's, for ${hosts.join(', ')}
  client-cert.pem, client-key.pem   the source's
  ca-key.pem                        makes more certificates: keep it where nobody else gets it
Both ends' certificates are good for a year, the authority for five.
`;
}

function pskText(dir: string): string {
  return `made in ${dir}, readable by this user only:
  keys.psk   the key that both ends share, of the user qemu: the same file on both
`;
}
