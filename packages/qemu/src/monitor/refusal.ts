/** QEMU's error classes, as far as we answer with them (QEMU's docs/interop/qmp-spec). */
export type RefusalClass = 'GenericError' | 'CommandNotFound';

/** A command that is refused: what the client gets as `error`. The message is one line, in QEMU's words where it has some. */
export class Refusal extends Error {
  readonly class: RefusalClass;

  constructor(message: string, kind: RefusalClass = 'GenericError') {
    super(message);
    this.name = 'Refusal';
    this.class = kind;
  }
}
