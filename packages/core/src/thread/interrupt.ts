/** Ends waits in other threads. Owned by the thread that created it. */
export interface Interrupt {
  readonly id: number;
  /** Ends every current and later wait on a socket with this interrupt with `cancelled`. May be called twice. */
  fire(): void;
  /** Frees it. Sockets that are still open with it keep what they use of it. May be called twice. */
  close(): void;
}
