import { hostname } from 'node:os';

/** Files of a folder that `--tls-creds` takes, and the hosts that the destination's certificate is for. */
export interface MadeFiles {
  readonly files: Readonly<Record<string, string>>;
  readonly hosts: readonly string[];
}

/** Makes an authority, and certificates of both ends. @param given hosts beside this machine's own. */
export async function makeCertificates(given: readonly string[]): Promise<MadeFiles> {
  // Loaded here: no other command needs the library.
  const { makeAuthority } = await import('./authority.js');
  const machine = hostname();
  const own = /^[A-Za-z0-9.-]+$/.test(machine) ? [machine] : [];
  const hosts = [...new Set([...given, ...own, 'localhost', '127.0.0.1', '::1'])];
  const { ca, server, client } = await makeAuthority({ hosts, machine });
  return {
    hosts,
    files: {
      'ca-cert.pem': ca.cert,
      'ca-key.pem': ca.key,
      'server-cert.pem': server.cert,
      'server-key.pem': server.key,
      'client-cert.pem': client.cert,
      'client-key.pem': client.key,
    },
  };
}
