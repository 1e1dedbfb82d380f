/** Ends waits in other threads. Owned by the thread that made it. */
export interface Interrupt {
  readonly id: number;
  /** Every wait on a socket with this interrupt, now and later, ends with `cancelled`. May be called twice. */
  fire(): void;
  /** Frees it. Sockets that are still open with it keep what they need. May be called twice. */
  close(): void;
}
