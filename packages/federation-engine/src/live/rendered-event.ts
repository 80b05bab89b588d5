import type { GraphQLFormattedError } from 'graphql';

/** One event as a client gets it, rendered once for everybody who gets the same. */
export class RenderedEvent {
  /** `{"data":…,"extensions":…}` */
  readonly text: string;
  /** Null when the subgraph numbers no events. */
  readonly id: string | null;
  readonly errors: readonly GraphQLFormattedError[];
  /** What the text says beside its errors, as a value that is made when it is asked for. */
  readonly members: () => object;
  #messageTail: Buffer | null = null;

  constructor(text: string, id: string | null, errors: readonly GraphQLFormattedError[], members: () => object) {
    this.members = members;
    this.text = text;
    this.id = id;
    this.errors = errors;
  }

  /** Whether it tells of errors. */
  get failed(): boolean {
    return this.errors.length > 0;
  }

  get errorCodes(): readonly string[] {
    return this.errors.map(({ extensions }) => {
      const code = extensions?.['code'];
      return typeof code === 'string' ? code : 'OTHER';
    });
  }

  /**
   * The `next` message of graphql-transport-ws for one operation. What is behind the operation's id is encoded once: to ten
   * thousand sockets it is copied, not written again.
   */
  toMessage(id: string): Buffer {
    const tail = (this.#messageTail ??= Buffer.from(`,"type":"next","payload":${this.text}}`));
    const head = `{"id":${JSON.stringify(id)}`;
    const headBytes = Buffer.byteLength(head);
    const message = Buffer.allocUnsafe(headBytes + tail.length);
    message.write(head, 0);
    tail.copy(message, headBytes);
    return message;
  }
}
