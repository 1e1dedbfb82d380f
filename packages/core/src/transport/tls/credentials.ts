/** Which end of a connection the credentials are for (QEMU's `endpoint`): the source is the client. */
export type TlsEndpoint = 'client' | 'server';

/** Certificates of one end, as PEM text: QEMU's `tls-creds-x509`. Plain data, which can be posted to a thread. */
export interface X509Credentials {
  readonly kind: 'x509';
  readonly endpoint: TlsEndpoint;
  /** Client: the server's certificate must be valid and its own. Server: a client must show a valid certificate. */
  readonly verifyPeer: boolean;
  /** Certificates of the authorities that are trusted, `ca-cert.pem`. */
  readonly ca: string;
  /** Revoked certificates, `ca-crl.pem`. */
  readonly crl?: string;
  /** This end's certificate and key. A client may have none. */
  readonly own?: { readonly cert: string; readonly key: string };
}

/** Keys that both ends share: QEMU's `tls-creds-psk`. Plain data, which can be posted to a thread. */
export interface PskCredentials {
  readonly kind: 'psk';
  readonly endpoint: TlsEndpoint;
  /** Whom a client says it is. */
  readonly username: string;
  /** A server's: those of all users. A client's: its own. */
  readonly keys: Readonly<Record<string, Uint8Array>>;
}

/** What one end proves itself with. `loadTlsCredentials` makes it of a folder. */
export type TlsCredentials = X509Credentials | PskCredentials;

/** TLS of a source, or of a relay's side to its destination. */
export interface ClientTls {
  readonly credentials: TlsCredentials;
  /**
   * Name that the destination's certificate must have (QEMU's `tls-hostname`). Default: the host of the address. A
   * `unix:` address has none.
   */
  readonly hostname?: string;
}

/** TLS of a destination, or of a relay's side to its source. */
export interface ServerTls {
  readonly credentials: TlsCredentials;
  /** Who may connect, of those whose certificates are valid (QEMU's `tls-authz`). Default: all of them. */
  readonly authz?: readonly AuthzRule[];
}

/** One rule of QEMU's `authz-list`. The first rule that matches decides; nobody else may connect. */
export interface AuthzRule {
  /** A certificate's subject, its parts in the certificate's own order: `C=GB,O=Example,CN=source.example`. */
  readonly match: string;
  readonly policy: 'allow' | 'deny';
  /** `glob`: `*` stands for any characters, `?` for one. */
  readonly format: 'exact' | 'glob';
}

/** How a connection is protected, and who is at its other end. */
export interface TlsPeer {
  /** `TLSv1.3` or `TLSv1.2`. */
  readonly version: string;
  /** IANA's name: `TLS_AES_256_GCM_SHA384`. */
  readonly cipher: string;
  /** The subject of the peer's certificate, or the user name of a shared key; undefined: it has not said. */
  readonly name?: string;
  /** Whether `name` was proven. */
  readonly verified: boolean;
  /** What does TLS on the channels: `node:tls`, or the host package's name. Absent: no channel is connected yet. */
  readonly channels?: string;
}
